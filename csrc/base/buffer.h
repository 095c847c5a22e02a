// An owned array: aligned and filled with zeros.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/sizes.h"

namespace aevb {

// An owned array of trivially copyable elements. It begins at a cache line and is filled with
// zeros.
template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Buffer() = default;
  explicit Buffer(size_t size) : size_(size) {
    if (size == 0) return;
    // A large calloc takes zero pages from the system. It costs nothing until they are first
    // written.
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

}  // namespace aevb
