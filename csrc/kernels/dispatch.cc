// One kernel table per process, chosen by the CPU's feature bits: virtual machines misreport the
// model.
#include "kernels/dispatch.h"

#include <atomic>
#include <cstdlib>

#include "kernels/blas.h"

namespace aevb {

namespace portable {
extern const Kernels table;
}
#ifdef AEVB_X86
namespace avx2 {
extern const Kernels table;
}
namespace avx512 {
extern const Kernels table;
}
#endif

namespace {

const Kernels* g_blas = nullptr;
std::atomic<const Kernels*> g_in_use{nullptr};

std::vector<const Kernels*> available() {  // in order of preference, best last
  std::vector<const Kernels*> tables = {&portable::table};
  if (g_blas != nullptr) tables.push_back(g_blas);
#ifdef AEVB_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    tables.push_back(&avx2::table);
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("fma")) {
    tables.push_back(&avx512::table);
  }
#endif
  return tables;
}

const Kernels* find(const std::string& name) {
  std::string known;
  for (const Kernels* table : available()) {
    if (name == backend_name(*table)) return table;
    known += (known.empty() ? "" : ", ") + backend_name(*table);
  }
  throw std::invalid_argument("AEVB_BACKEND: got '" + name + "', this machine has: " + known);
}

}  // namespace

void set_sgemm(Sgemm sgemm) { g_blas = &blas_table(portable::table, sgemm); }

std::string backend_name(const Kernels& table) {
  const std::string arithmetic = table.arithmetic;
  return arithmetic == "float32" ? table.isa : table.isa + ("+" + arithmetic);
}

std::vector<std::string> backend_names() {
  std::vector<std::string> names;
  for (const Kernels* table : available()) names.push_back(backend_name(*table));
  return names;
}

void use_backend(const std::string& name) { g_in_use = find(name); }

const Kernels& kernels() {
  const Kernels* table = g_in_use.load(std::memory_order_acquire);
  if (table == nullptr) {
    const char* forced = std::getenv("AEVB_BACKEND");
    table = forced != nullptr && *forced != '\0' ? find(forced) : available().back();
    g_in_use.store(table, std::memory_order_release);
  }
  return *table;
}

}  // namespace aevb
