// Thread teams: the distribution of tasks by work stealing, and threads that are late.
#include <atomic>
#include <chrono>
#include <thread>

#include "testing/hooks.h"

namespace aevb::testing {
namespace {

// Runs n_loops work-stealing loops over layers (n_cols, n_blocks), one after the other. Returns two
// arrays (n_loops, blocks): how often each block was done, and by which thread last. Thread
// `held_up`, if there is one, waits in its first task until the others have done all blocks that
// they may take, or for ten seconds.
py::tuple steal_tasks(const std::vector<std::pair<size_t, size_t>>& layers, int n_threads,
                      size_t most, size_t shared, int held_up, size_t n_loops) {
  using Clock = std::chrono::steady_clock;
  check(most >= 1, "most: got 0, want at least 1");
  check(shared >= 1, "shared: got 0, want at least 1");
  std::vector<size_t> offset = {0};
  for (const auto& [n_cols, n_blocks] : layers)
    offset.push_back(offset.back() + ceil_div(n_cols, kPanel) * n_blocks);
  const size_t n = offset.back();
  py::array_t<int64_t> times({n_loops, n}), who({n_loops, n});
  std::fill_n(times.mutable_data(), n_loops * n, 0);
  std::fill_n(who.mutable_data(), n_loops * n, -1);
  int64_t* const all_times = times.mutable_data();
  int64_t* const all_who = who.mutable_data();
  std::vector<std::atomic<size_t>> n_done(n_loops);
  {
    py::gil_scoped_release nogil;
    run_team(n_threads, [&](Member& member) {
      for (size_t d = 0; d < n_loops; ++d) {
        bool waits = static_cast<int>(member.rank()) == held_up;
        const auto panels = [&](size_t i) -> Panels { return {layers[i].first, layers[i].second}; };
        const size_t part =
            detail::count_tasks(layers.size(), panels, member.rank(), member.size());
        const Grain grain = {1, most, shared};
        stealing_for(member, layers.size(), panels, grain, [&](const Task& task) {
          const Clock::time_point until = Clock::now() + std::chrono::seconds(10);
          const size_t left = std::min(part, task.blocks.size() + grain.least_shared(part) - 1);
          while (waits && n_done[d].load() + left < n && Clock::now() < until)
            std::this_thread::yield();
          waits = false;
          for (size_t block = task.blocks.begin; block < task.blocks.end; ++block) {
            const size_t at =
                d * n + offset[task.layer] + task.panel * layers[task.layer].second + block;
            all_times[at] += 1;
            all_who[at] = member.rank();
          }
          n_done[d].fetch_add(task.blocks.size());
        });
        member.barrier();
      }
    });
  }
  return py::make_tuple(times, who);
}

// Sets the threads that leave barriers late and begin tasks late, in this module's teams and in the
// core's.
void set_late_thread(int rank, int slow) {
  for (TeamProbe* probe : {internals().team_probe, &team_probe}) {
    probe->late_rank.store(rank, std::memory_order_relaxed);
    probe->slow_rank.store(slow, std::memory_order_relaxed);
  }
}

}  // namespace

void bind_teams(py::module_& m) {
  using py::arg;
  m.def("steal_tasks", &steal_tasks, arg("layers"), arg("n_threads"), arg("most"),
        arg("shared") = 1, arg("held_up") = -1, arg("n_loops") = 1);
  m.def(
      "set_flops_per_thread",
      [](double flops) {
        return internals().flops_per_thread->exchange(flops, std::memory_order_relaxed);
      },
      arg("flops"), "Sets the operations that justify one more thread; returns the old number.");
  m.def(
      "take_largest_team",
      [] { return internals().team_probe->largest.exchange(0, std::memory_order_relaxed); },
      "The number of threads of the core's largest team since the last call.");
  m.def("set_late_thread", &set_late_thread, arg("rank"), arg("slow") = -1,
        "Sets the thread of every team that leaves barriers late, and the one that begins tasks "
        "late; "
        "-1: none.");
}

}  // namespace aevb::testing
