// aevb._testing: kernels, samplers and thread teams one by one, for tests and benchmarks.
#include <cstring>

#include "testing/hooks.h"

namespace aevb {

namespace portable {
extern const testing::IsaFunctions functions;
}
#ifdef AEVB_X86
namespace avx2 {
extern const testing::IsaFunctions functions;
}
namespace avx512 {
extern const testing::IsaFunctions functions;
}
#endif

// This module has no kernels of its own.
const Kernels& kernels() { return testing::internals().kernels(); }

namespace testing {

const Internals& internals() {
  static const Internals* const found =
      py::module_::import("aevb._core").attr("_internals").cast<py::capsule>();
  return *found;
}

const IsaFunctions& isa_functions() {
#ifdef AEVB_X86
  for (const IsaFunctions* functions : {&avx2::functions, &avx512::functions}) {
    if (std::strcmp(functions->isa, kernels().isa) == 0) return *functions;
  }
#endif
  return portable::functions;
}

}  // namespace testing
}  // namespace aevb

PYBIND11_MODULE(_testing, m) {
  m.doc() = "The tests' view of the core: kernels, samplers and thread teams.";
  aevb::testing::internals();  // an error at import, not later
  aevb::testing::bind_kernels(m);
  aevb::testing::bind_latent(m);
  aevb::testing::bind_chains(m);
  aevb::testing::bind_teams(m);
}
