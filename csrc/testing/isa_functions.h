// Functions of the core's headers that are in no kernel table, compiled once per instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace aevb::testing {

struct IsaFunctions {
  const char* isa;
  // an elementwise function by its name; false if the name is unknown
  bool (*unary)(const char* name, size_t n, const float* x, float* y);
  void (*gamma_sensitivity)(size_t n, const float* alpha, const float* log_z, float* y);
  // log z from u, four rows of n uniforms
  void (*gamma_draws)(size_t n, const float* u, const float* alpha, float* log_z);
  void (*philox)(const uint32_t key[2], size_t n, const uint32_t* counter, uint32_t* out);
  // n rounds of independent multiply-adds in registers; returns their floating-point operations
  double (*peak)(size_t n);
};

}  // namespace aevb::testing
