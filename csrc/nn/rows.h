// The caller's data set. A typed gather (bind/gather.pyx) reads its rows in place; the data are
// never copied as a whole.
#pragma once

#include <algorithm>

#include "base/prefetch.h"
#include "nn/units.h"

namespace aevb {

// A NumPy type by its kind ('f', 'i', 'u', 'b') and its number of bytes. NumPy's type characters
// would not do: those of C's integer types have other sizes on other platforms.
struct ElementType {
  char kind = 'f';
  uint8_t n_bytes = sizeof(float);
};

struct Rows;

// Writes rows index[0 .. n), in the model's units, to out (n, n_cols) with the given row stride.
using Gather = void (*)(const Rows* rows, const Units* units, const int64_t* index, size_t n,
                        float* out, size_t stride) noexcept;

struct Rows {
  Gather gather = nullptr;
  ElementType type;            // of the values
  uint8_t index_bytes = 0;     // bytes of a CSR index, which is signed; 0: dense
  const void* data = nullptr;  // dense: element (0, 0); CSR: the stored values
  ptrdiff_t row_stride = 0;    // dense, in bytes
  ptrdiff_t col_stride = 0;
  const void* indptr = nullptr;  // CSR
  const void* indices = nullptr;
  size_t n_rows = 0;
  size_t n_cols = 0;
  // Whether every value, in the model's units, is checked to lie in [low, high] when it is read
  // (NaN does not; with holes, the caller has checked them, and values are clipped alone). A value
  // outside by at most `slack` is clipped. If false, the caller has checked them.
  bool guarded = false;
  bool holes = false;  // a value may be NaN, which is a missing value
  float low = 0.0f, high = 0.0f, slack = 0.0f;
};

// Gathers rows index[0 .. n) into `out` one at a time, between tasks of other work. Rows lie
// anywhere, so the hardware cannot predict the next one. The work between two rows prefetches it.
class RowGather {
 public:
  RowGather() = default;
  RowGather(const Rows& rows, const Units& units, const int64_t* index, size_t n, float* out,
            size_t stride)
      : rows_(&rows), units_(&units), index_(index), n_(n), out_(out), stride_(stride) {
    constexpr auto kWidest = static_cast<ptrdiff_t>(sizeof(double));
    if (rows.index_bytes == 0 && rows.col_stride > 0 && rows.col_stride <= kWidest)
      row_bytes_ = static_cast<size_t>(rows.col_stride) * rows.n_cols;
  }

  // The next row's bytes. Empty if there is no next row, or it is not contiguous.
  PrefetchCursor next() const {
    if (done_ == n_ || row_bytes_ == 0) return {};
    return {static_cast<const char*>(rows_->data) + index_[done_] * rows_->row_stride, row_bytes_};
  }
  void one() { until(done_ + 1); }
  // Gathers the rows of the first n that are left.
  void until(size_t n) {
    n = std::min(n, n_);
    if (n <= done_) return;
    rows_->gather(rows_, units_, index_ + done_, n - done_, out_ + done_ * stride_, stride_);
    done_ = n;
  }

 private:
  const Rows* rows_ = nullptr;
  const Units* units_ = nullptr;
  const int64_t* index_ = nullptr;
  size_t n_ = 0;
  float* out_ = nullptr;
  size_t stride_ = 0;
  size_t row_bytes_ = 0;
  size_t done_ = 0;
};

}  // namespace aevb
