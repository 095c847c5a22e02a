# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Rows of the caller's arrays as float32: the one place that knows NumPy's types.

The core calls `gather` from its own threads, without the GIL, through the pointer in `capsule()`.
"""

from cpython.pycapsule cimport PyCapsule_New
from libc.stddef cimport ptrdiff_t, size_t
from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)
from libc.string cimport memset

cdef extern from "nn/rows.h" namespace "aevb" nogil:
    cdef struct ElementType:
        char kind
        uint8_t n_bytes

    cdef struct Rows:
        ElementType type
        uint8_t index_bytes
        const void* data
        ptrdiff_t row_stride
        ptrdiff_t col_stride
        const void* indptr
        const void* indices
        size_t n_cols

cdef extern from "nn/units.h" namespace "aevb" nogil:
    cdef cppclass Units:
        bint per_column() const
        float common_scale() const
        const double* location() const
        const double* scale() const
        bint has_layout() const
        const size_t* places() const
        const uint32_t* levels() const

ctypedef fused Value:
    float
    double
    int8_t
    int16_t
    int32_t
    int64_t
    uint8_t
    uint16_t
    uint32_t
    uint64_t

ctypedef fused Index:
    int32_t
    int64_t


cdef inline void put(double value, const Units* units, size_t j, float* row) noexcept nogil:
    """Writes column j of the data to its place in a row of x: a number, or a 1 for its level."""
    cdef uint32_t levels = units.levels()[j]
    cdef float* to = row + units.places()[j]
    cdef uint32_t level
    if levels == 0:
        to[0] = <float>((value - units.location()[j]) * units.scale()[j])
    else:
        for level in range(levels):
            to[level] = <float>value if value != value else <float>(value == <double>level)


cdef void gather_dense(
    const Value* data, const Rows* rows, const Units* units, const int64_t* index, size_t n,
    float* out, size_t stride
) noexcept nogil:
    cdef size_t i, j
    cdef const char* row
    cdef const Value* values
    cdef float scale = units.common_scale()
    cdef const double* location = units.location()
    cdef const double* scales = units.scale()
    cdef ptrdiff_t step = rows.col_stride
    for i in range(n):
        row = <const char*>data + index[i] * rows.row_stride
        values = <const Value*>row
        if units.has_layout():
            for j in range(rows.n_cols):
                put(<double>(<const Value*>(row + <ptrdiff_t>j * step))[0], units, j, out + i * stride)
        elif units.per_column():  # in double: a small spread at a large location would be lost
            for j in range(rows.n_cols):
                out[i * stride + j] = <float>(
                    (<double>(<const Value*>(row + <ptrdiff_t>j * step))[0] - location[j])
                    * scales[j]
                )
        elif step == sizeof(Value):
            for j in range(rows.n_cols):
                out[i * stride + j] = <float>values[j] * scale
        else:
            for j in range(rows.n_cols):
                out[i * stride + j] = <float>(<const Value*>(row + <ptrdiff_t>j * step))[0] * scale


cdef void gather_csr(
    const Value* data, const Index* indices, const Rows* rows, const Units* units,
    const int64_t* index, size_t n, float* out, size_t stride
) noexcept nogil:
    cdef const Index* indptr = <const Index*>rows.indptr
    cdef size_t i, j
    cdef Index at
    cdef float* to
    cdef float scale = units.common_scale()
    cdef const double* location = units.location()
    cdef const double* scales = units.scale()
    for i in range(n):
        to = out + i * stride
        if units.has_layout():
            for j in range(rows.n_cols):
                put(0.0, units, j, to)
            for at in range(indptr[index[i]], indptr[index[i] + 1]):
                put(<double>data[at], units, <size_t>indices[at], to)
        elif units.per_column():
            for j in range(rows.n_cols):
                to[j] = <float>(-location[j] * scales[j])
            for at in range(indptr[index[i]], indptr[index[i] + 1]):
                j = <size_t>indices[at]
                to[j] = <float>((<double>data[at] - location[j]) * scales[j])
        else:
            memset(to, 0, rows.n_cols * sizeof(float))
            for at in range(indptr[index[i]], indptr[index[i] + 1]):
                to[<size_t>indices[at]] += <float>data[at] * scale


cdef void gather_as(
    const Value* data, const Rows* rows, const Units* units, const int64_t* index, size_t n,
    float* out, size_t stride
) noexcept nogil:
    if rows.index_bytes == 4:
        gather_csr(data, <const int32_t*>rows.indices, rows, units, index, n, out, stride)
    elif rows.index_bytes == 8:
        gather_csr(data, <const int64_t*>rows.indices, rows, units, index, n, out, stride)
    else:
        gather_dense(data, rows, units, index, n, out, stride)


cdef void gather(
    const Rows* rows, const Units* units, const int64_t* index, size_t n, float* out, size_t stride
) noexcept nogil:
    cdef char kind = rows.type.kind
    cdef uint8_t size = rows.type.n_bytes
    if kind == c'f':
        if size == 4:
            gather_as(<const float*>rows.data, rows, units, index, n, out, stride)
        elif size == 8:
            gather_as(<const double*>rows.data, rows, units, index, n, out, stride)
    elif kind == c'i':
        if size == 1:
            gather_as(<const int8_t*>rows.data, rows, units, index, n, out, stride)
        elif size == 2:
            gather_as(<const int16_t*>rows.data, rows, units, index, n, out, stride)
        elif size == 4:
            gather_as(<const int32_t*>rows.data, rows, units, index, n, out, stride)
        elif size == 8:
            gather_as(<const int64_t*>rows.data, rows, units, index, n, out, stride)
    else:  # unsigned, and bool
        if size == 1:
            gather_as(<const uint8_t*>rows.data, rows, units, index, n, out, stride)
        elif size == 2:
            gather_as(<const uint16_t*>rows.data, rows, units, index, n, out, stride)
        elif size == 4:
            gather_as(<const uint32_t*>rows.data, rows, units, index, n, out, stride)
        elif size == 8:
            gather_as(<const uint64_t*>rows.data, rows, units, index, n, out, stride)


def capsule():
    """The address of `gather`, for the core."""
    return PyCapsule_New(<void*>gather, "aevb.gather", NULL)
