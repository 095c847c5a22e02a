// Matrices: views, and activation matrices that own their memory.
#pragma once

#include "base/buffer.h"

namespace aevb {

// A view of a row-major matrix. `stride` is the distance between rows, in elements.
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

// An activation matrix that owns its memory, with the row stride of base/sizes.h. The padding is
// zero.
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

}  // namespace aevb
