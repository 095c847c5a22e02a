// Shares of a phase's work. Each thread has its part, the same at every step so that its caches
// keep what it needs; a thread that is done with its own takes over from one that was held up.
#pragma once

#include <algorithm>

#include "parallel/team.h"

namespace aevb {

// Scales a range of blocks to a range of n rows (or inputs).
inline Range block_range(Range blocks, size_t block, size_t n) {
  return {blocks.begin * block, std::min(n, blocks.end * block)};
}

// This thread's rows of n, in whole row blocks.
inline Range share_rows(const Member& member, size_t n) {
  return block_range(member.share(ceil_div(n, kRowBlock)), kRowBlock, n);
}

inline size_t panel_width(size_t n_cols, size_t panel) {
  return std::min(kPanel, n_cols - panel * kPanel);
}

// Cost of a matrix's columns: cache lines, the unit that every instruction set's vectors divide.
inline size_t column_cost(size_t n_cols) { return ceil_div(n_cols, kLineFloats); }

// The panels of n_cols columns, each in n_blocks pieces (of rows, or of inputs), numbered panel by
// panel.
struct Panels {
  size_t n_cols = 0;
  size_t n_blocks = 0;

  // Rank's part of them: those whose running cost falls into its part of the total.
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

// Blocks of a panel of a layer, to be done by this thread.
struct Task {
  size_t layer, panel;
  Range blocks;
  bool new_panel;  // its last piece was of another
  bool more;       // panel + 1 comes after this panel
};

namespace detail {

// Where pieces of a thread's part lie: piece number `at` of a layer, and the part's of that layer.
struct Spot {
  size_t layer, at;
  Range part;
};

// A part's pieces of all layers in a row: how many, and where the k-th is.
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

// How many blocks are dealt at a time: most, and towards the end of a part less, down to the least,
// so that all threads are done at about the same time. Others take from a part only while at least
// `shared` blocks of it are left, or a quarter of it: less is done sooner by the thread whose
// caches have it.
struct Grain {
  size_t least, most;
  size_t shared = 1;

  size_t least_shared(size_t part) const { return std::min(shared, ceil_div(part, 4)); }
};

// Deals the panels of n_layers layers, layers(i) -> Panels: f(Task) for all pieces that fall to
// this thread. There must be a barrier between two deals.
template <class Layers, class F>
void stealing_for(Member& member, size_t n_layers, Layers layers, Grain grain, F f) {
  const uint16_t number = member.next_loop();
  const unsigned size = member.size();
  unsigned rank = member.rank();  // whose part is worked on
  size_t n = 0;                   // how many pieces that is
  bool own = true;

  // How many of the rest of the part to do next: the first of one's own, the last of another's, if
  // any.
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
