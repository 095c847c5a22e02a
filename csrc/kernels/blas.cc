#include "kernels/blas.h"

#include <algorithm>

namespace aevb {
namespace {

Sgemm g_sgemm = nullptr;
const Kernels* g_base = nullptr;

void sgemm(char transa, char transb, size_t m, size_t n, size_t k, const float* a, size_t lda,
           const float* b, size_t ldb, float beta, float* c, size_t ldc) {
  int mi = static_cast<int>(m), ni = static_cast<int>(n), ki = static_cast<int>(k);
  int ldai = static_cast<int>(lda), ldbi = static_cast<int>(ldb), ldci = static_cast<int>(ldc);
  float alpha = 1.0f;
  g_sgemm(&transa, &transb, &mi, &ni, &ki, &alpha, const_cast<float*>(a), &ldai,
          const_cast<float*>(b), &ldbi, &beta, c, &ldci);
}

// The shape of a call does not depend on where a thread's share begins. BLAS rounds differently for
// different shapes, and results must not depend on the number of threads. Row-major C = A B is
// column-major C^T = B^T A^T, and a panel read column-major is B^T already.
void product(const PanelProduct& p) {
  if (!p.accumulate) {
    const size_t width = round_up(p.n_cols, kLineFloats);
    for (size_t r = 0; r < p.rows; ++r) {
      if (p.bias != nullptr) {
        std::copy_n(p.bias, width, p.c + r * p.ldc);
      } else {
        std::fill_n(p.c + r * p.ldc, width, 0.0f);
      }
    }
  }
  for (size_t r = 0; r < p.rows; r += kRowBlock) {
    sgemm('N', 'N', p.n_cols, std::min(kRowBlock, p.rows - r), p.k, p.b, kPanel, p.a + r * p.lda,
          p.lda, 1.0f, p.c + r * p.ldc, p.ldc);
  }
}

void product_transposed(const ProductTransposed& p) {
  for (size_t r = 0; r < p.rows; r += kRowBlock) {
    for (size_t k = 0; k < p.k; k += kPanel) {
      sgemm('T', 'N', p.n_cols, std::min(kRowBlock, p.rows - r), std::min(kPanel, p.k - k),
            p.b + k / kPanel * p.panel_stride, kPanel, p.a + r * p.lda + k, p.lda,
            p.accumulate || k > 0 ? 1.0f : 0.0f, p.c + r * p.ldc, p.ldc);
    }
  }
}

void update(const PanelUpdate& u) {
  alignas(kCacheLine) float grad[kInputBlock * kPanel] = {};
  for (size_t input = u.inputs.begin; input < u.inputs.end; input += kInputBlock) {
    const size_t n = std::min(kInputBlock, u.inputs.end - input);
    sgemm('N', 'T', u.n_cols, n, u.rows, u.delta, u.ldd, u.a + input, u.lda, 0.0f, grad, kPanel);
    for (size_t r = 0; r < n; ++r) {
      const size_t at = (input + r) * kPanel;
      g_base->optimize(*u.rule, grad + r * kPanel, {at, at + u.n_cols}, u.weight, u.state1,
                       u.state2);
    }
  }
}

// Lists no columns: BLAS multiplies whole matrices.
void nonzero_columns(const BlockColumns& t) { *t.n_columns = static_cast<uint32_t>(t.n_cols); }

}  // namespace

const Kernels& blas_table(const Kernels& base, Sgemm sgemm_pointer) {
  static Kernels table;
  g_sgemm = sgemm_pointer;
  g_base = &base;
  table = base;
  table.arithmetic = "blas";
  table.product = product;
  table.product_transposed = product_transposed;
  table.nonzero_columns = nonzero_columns;
  table.update = update;
  return table;
}

}  // namespace aevb
