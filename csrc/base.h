// Vocabulary of the core: sizes, views, owning buffers, errors. Lowest stratum: it includes nothing
// of ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace aevb {

inline constexpr size_t kCacheLine = 64;
inline constexpr size_t kLineFloats = kCacheLine / sizeof(float);

// Weights lie in column panels of this many floats, [panel][k][kPanel]: four AVX-512, eight AVX2
// vectors.
inline constexpr size_t kPanel = 64;

// Rows of a product and inputs of a weight gradient are shared among threads in blocks of these
// sizes: multiples of AVX-512's register tiles' heights, so that no share has a ragged tile inside.
inline constexpr size_t kRowBlock = 10;
inline constexpr size_t kInputBlock = 20;

// Rows whose empty columns are skipped together in a product. Divides kRowBlock.
inline constexpr size_t kSkipBlock = 5;

// Inputs for which rows without a nonzero are skipped together in a weight gradient: one register
// tile of the update takes them. Divides kInputBlock.
inline constexpr size_t kInputGroup = 5;

constexpr size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }
constexpr size_t round_up(size_t a, size_t b) { return ceil_div(a, b) * b; }

// Row stride (floats) of an activation matrix: whole panels can be stored to it without a mask, and
// an odd number of cache lines keeps successive rows out of the same L1 sets.
constexpr size_t row_stride(size_t n_cols) {
  return (ceil_div(n_cols, kPanel) * (kPanel / kLineFloats) + 1) * kLineFloats;
}

inline constexpr double kHalfLog2Pi = 0.91893853320467274;

// Guarded data with a value out of range.
struct OutOfRange : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

// Bad arguments become ValueError in Python.
inline void check(bool ok, const std::string& message) {
  if (!ok) throw std::invalid_argument(message);
}
// The same where making the message takes time.
template <class Message, class = std::enable_if_t<std::is_invocable_v<Message>>>
void check(bool ok, Message message) {
  if (!ok) throw std::invalid_argument(message());
}

inline size_t checked_product(size_t a, size_t b) {
  if (b != 0 && a > std::numeric_limits<size_t>::max() / 8 / b) throw std::bad_alloc();
  return a * b;
}

// Memory that will be read soon: blocks of bytes, each `distance` bytes after the last. Whoever has
// time meanwhile fetches a line and walks on. What kernels call of it is always inlined: a copy
// compiled under their wider flags must not be the one that the linker keeps.
class Ahead {
 public:
  Ahead() = default;
  Ahead(const void* begin, size_t block_size, size_t n_blocks = 1, size_t distance = 0)
      : block_(static_cast<const char*>(begin)),
        n_lines_(ceil_div(block_size, kCacheLine)),
        n_blocks_(block_size > 0 ? n_blocks : 0),
        distance_(distance) {}
  [[gnu::always_inline]] bool empty() const { return n_blocks_ == 0; }
  // The next line; there must be one.
  [[gnu::always_inline]] const char* line() {
    const char* line = block_ + line_ * kCacheLine;
    if (++line_ == n_lines_) {
      line_ = 0;
      if (--n_blocks_ > 0) block_ += distance_;
    }
    return line;
  }

 private:
  const char* block_ = nullptr;
  size_t line_ = 0;
  size_t n_lines_ = 0;
  size_t n_blocks_ = 0;
  size_t distance_ = 0;
};

// Owning, cache-line aligned, zero-filled array of trivially copyable elements.
template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Buffer() = default;
  explicit Buffer(size_t size) : size_(size) {
    if (size == 0) return;
    // calloc's memory is the system's zero pages where it is large: they cost when first written
    const size_t bytes = round_up(checked_product(size, sizeof(T)), kCacheLine) + kCacheLine;
    allocation_.reset(std::calloc(bytes, 1));
    if (allocation_ == nullptr) throw std::bad_alloc();
    const auto address = reinterpret_cast<uintptr_t>(allocation_.get());
    data_ = reinterpret_cast<T*>(round_up(address, kCacheLine));
  }
  Buffer(const Buffer& other) : Buffer(other.size_) {
    if (size_ != 0) std::memcpy(static_cast<void*>(data_), other.data_, size_ * sizeof(T));
  }
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer other) noexcept {
    swap(other);
    return *this;
  }

  void swap(Buffer& other) noexcept {
    std::swap(allocation_, other.allocation_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }
  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return size_; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }

 private:
  struct Free {
    void operator()(void* allocation) const { std::free(allocation); }
  };
  std::unique_ptr<void, Free> allocation_;
  T* data_ = nullptr;
  size_t size_ = 0;
};

// Non-owning row-major matrix; `stride` is the distance between rows, in elements.
template <class T>
struct View {
  T* data = nullptr;
  size_t rows = 0;
  size_t cols = 0;
  size_t stride = 0;

  T* row(size_t i) const { return data + i * stride; }
  View block(size_t first, size_t n) const { return {row(first), n, cols, stride}; }
  operator View<const T>() const { return {data, rows, cols, stride}; }
};
using MatView = View<float>;
using ConstMatView = View<const float>;

// Owning activation matrix in the core's row layout, padding zero.
class Matrix {
 public:
  Matrix() = default;
  Matrix(size_t rows, size_t cols)
      : rows_(rows), cols_(cols), buffer_(checked_product(rows, row_stride(cols))) {}
  MatView view() { return {buffer_.data(), rows_, cols_, row_stride(cols_)}; }
  MatView view(size_t rows) { return {buffer_.data(), rows, cols_, row_stride(cols_)}; }

 private:
  size_t rows_ = 0;
  size_t cols_ = 0;
  Buffer<float> buffer_;
};

struct Range {
  size_t begin = 0;
  size_t end = 0;
  bool empty() const { return begin >= end; }
  size_t size() const { return empty() ? 0 : end - begin; }
};

}  // namespace aevb
