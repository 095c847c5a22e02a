// aevb._core: the engine, its configuration and its data sets.
#include "bind/arrays.h"
#include "bind/internals.h"
#include "kernels/dispatch.h"
#include "model/parameters.h"
#include "parallel/team.h"

namespace aevb::bind {

PYBIND11_MODULE(_core, m) {
  m.doc() = "The C++ core of aevb.";
  m.def("isa", [] { return std::string(kernels().name); }, "The instruction set in use.");
  m.def("isa_names", &isa_names,
        "The instruction sets that this machine can run, the narrowest first.");
  m.def("force_isa", &force_isa, py::arg("name"),
        "Chooses the instruction set of the whole process from now on.");
  m.def(
      "all_finite",
      [](const FloatArray& values) {
        const float* data = values.data();
        const auto n = static_cast<size_t>(values.size());
        const py::gil_scoped_release nogil;
        return all_finite(data, n);
      },
      py::arg("values"), "Whether no value is infinite or NaN.");
  m.def("max_threads", &max_threads,
        "The number of threads that OpenMP would use (OMP_NUM_THREADS, threadpoolctl).");
  m.def(
      "set_sgemm",
      [](const py::capsule& capsule) {
        set_sgemm(reinterpret_cast<Sgemm>(capsule.get_pointer<void>()));
      },
      py::arg("capsule"),
      "Passes SciPy's sgemm to the core, which makes the instruction set 'blas' available.");
  static const Internals internals = {&kernels, &team_probe, &flops_per_thread};
  m.attr("_internals") = py::capsule(&internals);
  py::register_exception<OutOfRange>(m, "OutOfRangeError", PyExc_ValueError);
  bind_config(m);
  bind_rows(m);
  bind_model(m);
  bind_posterior(m);
  bind_monte_carlo_em(m);
}

}  // namespace aevb::bind
