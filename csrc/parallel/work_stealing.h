// Work stealing. Each thread has a share of a phase's work. The share is the same at every step, so
// the thread's caches keep its data. A thread that has finished its share steals from a thread that
// is late.
#pragma once

#include <algorithm>

#include "parallel/team.h"

namespace aevb {

// The rows (or inputs) of a range of blocks, of n in all.
inline Range block_range(Range blocks, size_t block, size_t n) {
  return {blocks.begin * block, std::min(n, blocks.end * block)};
}

// This thread's share of n rows, in whole row blocks.
inline Range share_rows(const Member& member, size_t n) {
  return block_range(member.share(ceil_div(n, kRowBlock)), kRowBlock, n);
}

inline size_t panel_width(size_t n_cols, size_t panel) {
  return std::min(kPanel, n_cols - panel * kPanel);
}

// The cost of n_cols columns of a matrix, in cache lines: every instruction set's vectors divide
// one.
inline size_t column_cost(size_t n_cols) { return ceil_div(n_cols, kLineFloats); }

// The panels of n_cols columns, each divided into n_blocks blocks (of rows or of inputs). Blocks
// are numbered panel by panel.
struct Panels {
  size_t n_cols = 0;
  size_t n_blocks = 0;

  // The share of thread `rank`: the blocks whose running cost falls into its share of the total
  // cost.
  Range part(unsigned rank, unsigned size) const {
    return {first_task(rank, size), first_task(rank + 1, size)};
  }
  // The panel that this thread begins with.
  size_t first_panel(const Member& member) const {
    const size_t panel = first_task(member.rank(), member.size()) / std::max(n_blocks, size_t{1});
    return std::min(panel, ceil_div(n_cols, kPanel) - 1);
  }

 private:
  size_t first_task(unsigned rank, unsigned size) const {
    const size_t cost = column_cost(n_cols) * n_blocks * rank / size;
    const size_t whole = n_cols / kPanel * n_blocks;
    if (cost <= whole * column_cost(kPanel)) return ceil_div(cost, column_cost(kPanel));
    return whole + ceil_div(cost - whole * column_cost(kPanel), column_cost(n_cols % kPanel));
  }
};

// Blocks of one panel of a layer, which one thread takes at a time.
struct Task {
  size_t layer, panel;
  Range blocks;
  bool new_panel;  // this thread's previous task was in another panel
  bool more;       // this thread goes on with panel + 1
};

namespace detail {

// A block of a thread's share: its layer, its number there, and the share of that layer.
struct Spot {
  size_t layer, at;
  Range part;
};

// The blocks of a thread's share of all layers, one layer after the other: their number, and the
// k-th of them.
template <class Layers>
size_t count_tasks(size_t n_layers, Layers layers, unsigned rank, unsigned size) {
  size_t n = 0;
  for (size_t i = 0; i < n_layers; ++i) n += layers(i).part(rank, size).size();
  return n;
}
template <class Layers>
Spot find_task(Layers layers, unsigned rank, unsigned size, size_t k) {
  for (size_t i = 0;; ++i) {
    const Range part = layers(i).part(rank, size);
    if (k < part.size()) return {i, part.begin + k, part};
    k -= part.size();
  }
}

}  // namespace detail

// The size of a task in blocks: from `most` down to `least` towards the end of a share, so that all
// threads finish at about the same time. Other threads steal from a share only while it has at
// least `shared` blocks, or a quarter of itself. The owner, whose caches hold the data, finishes
// fewer sooner.
struct Grain {
  size_t least, most;
  size_t shared = 1;

  size_t least_shared(size_t part) const { return std::min(shared, ceil_div(part, 4)); }
};

// Calls f(Task) for all tasks that this thread takes or steals, over the panels layers(i) of
// n_layers layers. There must be a barrier between two such loops.
template <class Layers, class F>
void stealing_for(Member& member, size_t n_layers, Layers layers, Grain grain, F f) {
  const uint16_t number = member.next_loop();
  const unsigned size = member.size();
  unsigned rank = member.rank();  // whose share is worked on
  size_t n = 0;                   // the number of its blocks
  bool own = true;

  // How many of the blocks that are left to take: from the front of the own share, from the back of
  // another's. 0: do not steal from it.
  const auto choose = [&](Range rest) -> size_t {
    if (!own && rest.size() < grain.least_shared(n)) return 0;
    const detail::Spot spot =
        detail::find_task(layers, rank, size, own ? rest.begin : rest.end - 1);
    const size_t n_blocks = layers(spot.layer).n_blocks;
    const size_t panel_begin = spot.at / n_blocks * n_blocks;
    const size_t in_panel = own ? std::min(panel_begin + n_blocks, spot.part.end) - spot.at
                                : spot.at + 1 - std::max(panel_begin, spot.part.begin);
    return std::min({in_panel, grain.most, std::max(grain.least, ceil_div(rest.size(), 2))});
  };
  size_t last_layer = SIZE_MAX, last_panel = SIZE_MAX;
  const auto run = [&](Range pieces) {
    const detail::Spot spot = detail::find_task(layers, rank, size, pieces.begin);
    const size_t n_blocks = layers(spot.layer).n_blocks;
    const size_t panel = spot.at / n_blocks;
    const size_t block = spot.at % n_blocks;
    f(Task{.layer = spot.layer,
           .panel = panel,
           .blocks = {block, block + pieces.size()},
           .new_panel = spot.layer != last_layer || panel != last_panel,
           .more = own && (panel + 1) * n_blocks < spot.part.end});
    last_layer = spot.layer;
    last_panel = panel;
  };

  if (size == 1 || detail::count_tasks(n_layers, layers, 0, 1) > WorkDeque::kMost) {
    n = detail::count_tasks(n_layers, layers, rank, size);
    for (size_t k = 0, some = 0; k < n; k += some) {
      some = choose({k, n});
      run({k, k + some});
    }
    return;
  }
  for (unsigned i = 0; i < size; ++i) {
    rank = (member.rank() + i) % size;
    own = i == 0;
    n = detail::count_tasks(n_layers, layers, rank, size);
    while (true) {
      const Range taken = member.deque(rank).take(number, n, own, choose);
      if (taken.empty()) break;
      member.begin_task();
      run(taken);
    }
  }
}

// The same for one layer.
template <class F>
void stealing_for(Member& member, const Panels& panels, Grain grain, F f) {
  stealing_for(member, 1, [&](size_t) { return panels; }, grain, f);
}

}  // namespace aevb
