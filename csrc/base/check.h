// Errors. A std::invalid_argument becomes a ValueError in Python.
#pragma once

#include <cstddef>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace aevb {

// A value of guarded data (nn/rows.h) is out of range.
struct OutOfRange : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

inline void check(bool ok, const std::string& message) {
  if (!ok) throw std::invalid_argument(message);
}
// The same, with a message that is built only if it is needed.
template <class Message, class = std::enable_if_t<std::is_invocable_v<Message>>>
void check(bool ok, Message message) {
  if (!ok) throw std::invalid_argument(message());
}

inline size_t checked_product(size_t a, size_t b) {
  if (b != 0 && a > std::numeric_limits<size_t>::max() / 8 / b) throw std::bad_alloc();
  return a * b;
}

}  // namespace aevb
