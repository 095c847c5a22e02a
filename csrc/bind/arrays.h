// Conversions between NumPy arrays and views. An error names the argument, its value and the wanted
// one.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "kernels/kernels.h"
#include "nn/table.h"

namespace aevb::bind {

namespace py = pybind11;
using FloatArray = py::array_t<float, py::array::c_style | py::array::forcecast>;
using DoubleArray = py::array_t<double>;

inline std::string shape_of(const py::array& a) { return py::str(a.attr("shape")); }

inline ConstMatView as_matrix(const FloatArray& a, const char* name, size_t cols) {
  check(a.ndim() == 2 && static_cast<size_t>(a.shape(1)) == cols,
        std::string(name) + ": got shape " + shape_of(a) + ", want (n, " + std::to_string(cols) +
            ")");
  return {a.data(), static_cast<size_t>(a.shape(0)), cols, cols};
}

inline ConstMatView as_matrix(const FloatArray& a, const char* name) {
  check(a.ndim() == 2, std::string(name) + ": got shape " + shape_of(a) + ", want two dimensions");
  return as_matrix(a, name, static_cast<size_t>(a.shape(1)));
}

inline void check_shape(const FloatArray& a, const char* name,
                        std::initializer_list<size_t> shape) {
  bool ok = static_cast<size_t>(a.ndim()) == shape.size();
  std::string want;
  size_t axis = 0;
  for (const size_t n : shape) {
    ok = ok && static_cast<size_t>(a.shape(static_cast<py::ssize_t>(axis++))) == n;
    if (axis > 1) want += ", ";
    want += std::to_string(n);
  }
  check(ok, std::string(name) + ": got shape " + shape_of(a) + ", want (" + want + ")");
}

inline FloatArray new_matrix(size_t rows, size_t cols) {
  return FloatArray({static_cast<py::ssize_t>(rows), static_cast<py::ssize_t>(cols)});
}

inline FloatArray dense_array(ConstMatView from) {
  FloatArray a = new_matrix(from.rows, from.cols);
  for (size_t r = 0; r < from.rows; ++r)
    std::memcpy(a.mutable_data() + r * from.cols, from.row(r), from.cols * sizeof(float));
  return a;
}

// A table that keeps its arrays alive.
struct BoundTable {
  Table table;
  py::object owner;
};

// Each file of bind/ adds its functions and classes to the module.
void bind_config(py::module_& m);
void bind_rows(py::module_& m);
void bind_model(py::module_& m);
void bind_posterior(py::module_& m);
void bind_monte_carlo_em(py::module_& m);

}  // namespace aevb::bind
