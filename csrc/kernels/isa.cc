// One file, compiled once per instruction set with its flags, and with AEVB_ISA defined as its
// name. Fills the kernel table of that set. All included code stands in unnamed namespaces inside
// aevb::<isa>. An inline function with external linkage, compiled under wider flags, could be the
// copy that the linker keeps for all callers.
#include "kernels/activation-inl.h"
#include "kernels/dot-inl.h"
#include "kernels/gemm-inl.h"
#include "kernels/inputs-inl.h"
#include "kernels/latent-inl.h"
#include "kernels/levels-inl.h"
#include "kernels/likelihood-inl.h"
#include "kernels/noise-inl.h"
#include "kernels/nonzeros-inl.h"
#include "kernels/posterior-inl.h"
#include "kernels/range-inl.h"
#include "kernels/transpose-inl.h"
#include "kernels/update-inl.h"
#include "kernels/weights-inl.h"

#define AEVB_STRING(x) #x
#define AEVB_NAME(x) AEVB_STRING(x)

namespace aevb::AEVB_ISA {
namespace {

// The members of each family, as the kernel table holds them.
template <class L>
constexpr LikelihoodKernels cell_kernels() {
  return {L::info, likelihood<L>, mean_of<L>(), likelihood_draw<L>, nullptr, nullptr};
}
template <class L>
constexpr LikelihoodKernels level_kernels() {
  return {L::info, nullptr, nullptr, nullptr, evaluate_levels<L>, level_means<L>};
}
template <class Cells, class WithLevels>
struct LikelihoodTable;
template <class... C, class... L>
struct LikelihoodTable<List<C...>, List<L...>> {
  static constexpr LikelihoodKernels members[] = {cell_kernels<C>()..., level_kernels<L>()...};
  static constexpr Members<LikelihoodKernels> table = {members, sizeof...(C) + sizeof...(L)};
};
template <class... Q>
constexpr PosteriorKernels kPosteriors[] = {posterior_kernels<Q>()...};
template <class... P>
constexpr PriorKernels kPriors[] = {prior_kernels<P>()...};
template <class... O>
constexpr OptimizerKernels kOptimizers[] = {{O::info, O::prepare}...};
template <class Info, class... M>
constexpr Info kInfos[] = {M::info...};

template <class... Q>
constexpr Members<PosteriorKernels> posterior_table(List<Q...>) {
  return {kPosteriors<Q...>, sizeof...(Q)};
}
template <class... P>
constexpr Members<PriorKernels> prior_table(List<P...>) {
  return {kPriors<P...>, sizeof...(P)};
}
template <class... O>
constexpr Members<OptimizerKernels> optimizer_table(List<O...>) {
  return {kOptimizers<O...>, sizeof...(O)};
}
template <class Info, class... M>
constexpr Members<Info> info_table(List<M...>) {
  return {kInfos<Info, M...>, sizeof...(M)};
}

}  // namespace

extern const Kernels table;
const Kernels table = {
    .isa = AEVB_NAME(AEVB_ISA),
    .arithmetic = "float32",
    .product = product,
    .product_transposed = product_transposed,
    .activate = activate,
    .differentiate = differentiate,
    .transpose = transpose,
    .read_inputs = read_inputs,
    .nonzero_columns = nonzero_columns,
    .nonzero_rows = nonzero_rows,
    .within = within,
    .update = update,
    .update_bias = update_bias,
    .optimize = optimize,
    .draw_weights = draw_weights,
    .update_weight_posterior = update_weight_posterior,
    .latent_sample = latent_sample,
    .latent_backward = latent_backward,
    .n_fused_objectives = FusedLatent::n,
    .normal = normal,
    .uniform = uniform,
    .bernoulli_draw = bernoulli_draw,
    .draw_levels = draw_levels,
    .likelihoods = LikelihoodTable<Likelihoods, GroupLikelihoods>::table,
    .posteriors = posterior_table(Posteriors()),
    .priors = prior_table(Priors()),
    .objectives = info_table<ObjectiveInfo>(Objectives()),
    .optimizers = optimizer_table(Optimizers()),
};

}  // namespace aevb::AEVB_ISA
