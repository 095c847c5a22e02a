// Compiled once per instruction set with its flags and AEVB_ISA = the set's name; fills that set's
// table. Everything included here lives in unnamed namespaces inside aevb::<isa>: an inline
// function with external linkage, compiled under wider flags, could be the copy that the linker
// keeps for everybody.
#include "kernels/activation-inl.h"
#include "kernels/dot-inl.h"
#include "kernels/gemm-inl.h"
#include "kernels/latent-inl.h"
#include "kernels/likelihood-inl.h"
#include "kernels/noise-inl.h"
#include "kernels/nonzeros-inl.h"
#include "kernels/range-inl.h"
#include "kernels/transpose-inl.h"
#include "kernels/update-inl.h"

#define AEVB_STRING(x) #x
#define AEVB_NAME(x) AEVB_STRING(x)

namespace aevb::AEVB_ISA {

extern const Kernels table;
const Kernels table = {
    .name = AEVB_NAME(AEVB_ISA),
    .product = product,
    .product_transposed = product_transposed,
    .activate = activate,
    .differentiate = differentiate,
    .transpose = transpose,
    .nonzero_columns = nonzero_columns,
    .nonzero_rows = nonzero_rows,
    .within = within,
    .update = update,
    .update_bias = update_bias,
    .optimize = optimize,
    .bernoulli = bernoulli,
    .gaussian = gaussian<false>,
    .bounded_gaussian = gaussian<true>,
    .latent_sample = latent_sample,
    .latent_backward = latent_backward,
    .latent_recognize = latent_recognize,
    .normal = normal,
    .uniform = uniform,
    .bernoulli_draw = bernoulli_draw,
    .gaussian_draw = gaussian_draw,
};

}  // namespace aevb::AEVB_ISA
