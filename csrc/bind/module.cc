// aevb._core: the engine, its configuration and its data sets.
#include "bind/arrays.h"
#include "bind/internals.h"
#include "kernels/dispatch.h"
#include "model/parameters.h"
#include "parallel/team.h"

namespace aevb::bind {

PYBIND11_MODULE(_core, m) {
  m.doc() = "The C++ core of aevb.";
  m.def(
      "backend", [] { return backend_name(kernels()); },
      "The backend in use: an instruction set, or one with a library's products.");
  m.def("backend_names", &backend_names, "Backends of this machine, the best last.");
  m.def("use_backend", &use_backend, py::arg("name"),
        "Uses another backend from now on, in the whole process.");
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
      "Hands over SciPy's sgemm, which makes the backend 'portable+blas' available.");
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
