#include <algorithm>
#include <bit>
#include <limits>
#include <optional>
#include <tuple>

#include "bind/arrays.h"

namespace aevb::bind {
namespace {

Gather g_gather = nullptr;

// Whether the gather reads this type.
bool is_known(ElementType type) {
  switch (type.kind) {
    case 'f':
      return type.n_bytes == 4 || type.n_bytes == 8;
    case 'i':
    case 'u':
      return type.n_bytes == 1 || type.n_bytes == 2 || type.n_bytes == 4 || type.n_bytes == 8;
    case 'b':
      return type.n_bytes == 1;
  }
  return false;
}

ElementType type_of(const py::array& a, const char* name) {
  const ElementType type = {a.dtype().kind(),
                            static_cast<uint8_t>(std::min<py::ssize_t>(
                                a.itemsize(), std::numeric_limits<uint8_t>::max()))};
  check(is_known(type), [&] {
    return std::string(name) + ": got dtype " + std::string(py::str(a.dtype())) +
           ", want a float, integer or bool dtype";
  });
  check(a.dtype().byteorder() != (std::endian::native == std::endian::little ? '>' : '<'),
        std::string(name) + ": want the machine's byte order");
  check((a.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0,
        std::string(name) + ": want an aligned array");
  return type;
}

using ValueRange = std::optional<std::tuple<float, float, float>>;  // lowest, highest, slack

void guard(Rows& rows, const ValueRange& range) {
  rows.guarded = range.has_value();
  if (range) std::tie(rows.low, rows.high, rows.slack) = *range;
}

BoundTable dense(const py::array& x, const ValueRange& range, bool holes) {
  check(x.ndim() == 2, [&] { return "X: got shape " + shape_of(x) + ", want two dimensions"; });
  Rows rows;
  rows.gather = g_gather;
  rows.type = type_of(x, "X");
  rows.data = x.data();
  rows.row_stride = x.strides(0);
  rows.col_stride = x.strides(1);
  rows.n_rows = static_cast<size_t>(x.shape(0));
  rows.n_cols = static_cast<size_t>(x.shape(1));
  guard(rows, range);
  rows.holes = holes;
  return {{rows, {}}, x};
}

// The caller has checked the CSR structure: indptr rises to the number of values, and indices lie
// in [0, n_cols).
BoundTable csr(const py::array& data, const py::array& indices, const py::array& indptr,
               size_t n_cols, const ValueRange& range, bool holes) {
  check(data.ndim() == 1 && indices.ndim() == 1 && indptr.ndim() == 1,
        "X: want the three vectors of a CSR matrix");
  for (const py::array& vector : {data, indices, indptr}) {
    check(vector.strides(0) == vector.itemsize() || vector.shape(0) <= 1,
          "X: want the three vectors of the CSR matrix contiguous");
  }
  check(indptr.shape(0) >= 1 && data.shape(0) == indices.shape(0),
        "X: the CSR matrix's vectors do not fit together");
  const ElementType of_indices = type_of(indices, "X.indices");
  const ElementType of_indptr = type_of(indptr, "X.indptr");
  check(of_indices.kind == 'i' && of_indices.n_bytes >= 4 && of_indptr.kind == 'i' &&
            of_indptr.n_bytes == of_indices.n_bytes,
        "X: want CSR indices of one type, int32 or int64");
  Rows rows;
  rows.gather = g_gather;
  rows.type = type_of(data, "X.data");
  rows.index_bytes = of_indices.n_bytes;
  rows.data = data.data();
  rows.indices = indices.data();
  rows.indptr = indptr.data();
  rows.n_rows = static_cast<size_t>(indptr.shape(0) - 1);
  rows.n_cols = n_cols;
  guard(rows, range);
  rows.holes = holes;
  return {{rows, {}}, py::make_tuple(data, indices, indptr)};
}

}  // namespace

void bind_rows(py::module_& m) {
  m.def(
      "set_gather",
      [](const py::capsule& capsule) {
        g_gather = reinterpret_cast<Gather>(capsule.get_pointer<void>());
      },
      py::arg("capsule"), "Hands over the typed gather of aevb._gather.");
  py::class_<BoundTable>(m, "Rows",
                         "A data set read in place, row by row, as float32 in the model's units.")
      .def(py::init(&dense), py::arg("X"), py::arg("range") = py::none(), py::arg("holes") = false,
           "range: (lowest, highest, slack) of the values in the model's units. Each value is "
           "checked when it is read. A value outside by at most the slack is clipped, and a call "
           "that reads another value raises OutOfRangeError. None: no check. holes: NaN is a "
           "missing value; then the caller has checked the others.")
      .def_static("csr", &csr, py::arg("data"), py::arg("indices"), py::arg("indptr"),
                  py::arg("n_cols"), py::arg("range") = py::none(), py::arg("holes") = false)
      .def_property_readonly("shape", [](const BoundTable& self) {
        return py::make_tuple(self.table.n_rows(), self.table.x.n_cols);
      });
}

}  // namespace aevb::bind
