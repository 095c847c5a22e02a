// Flush-to-zero for the core's threads alone.
//
// Weight decay drives the weights of inputs that are always zero into subnormals. These slow down
// every FMA that reads them. The scope restores the caller's floating-point state at its end. With
// `flush` false, the scope keeps subnormals: for a call back to the caller.
#pragma once

#include <cstdint>

namespace aevb {

class FlushSubnormals {
 public:
  explicit FlushSubnormals(bool flush = true) : saved_(get()) {
    set(flush ? saved_ | kFlush : saved_ & ~kFlush);
  }
  ~FlushSubnormals() { set(saved_); }
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;

 private:
#if defined(__x86_64__) || defined(__i386__)
  static constexpr uint64_t kFlush = 0x8040;  // MXCSR: FTZ (bit 15) and DAZ (bit 6)
  static uint64_t get() { return __builtin_ia32_stmxcsr(); }
  static void set(uint64_t state) { __builtin_ia32_ldmxcsr(static_cast<unsigned>(state)); }
#elif defined(__aarch64__)
  static constexpr uint64_t kFlush = uint64_t{1} << 24;  // FPCR.FZ
  static uint64_t get() {
    uint64_t state;
    asm volatile("mrs %0, fpcr" : "=r"(state));
    return state;
  }
  static void set(uint64_t state) { asm volatile("msr fpcr, %0" : : "r"(state)); }
#else
  static constexpr uint64_t kFlush = 0;
  static uint64_t get() { return 0; }
  static void set(uint64_t) {}
#endif
  uint64_t saved_;
};

}  // namespace aevb
