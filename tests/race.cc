// What `nox -s tsan` looks at first: a race that ThreadSanitizer has to see in a team of ours, and
// the same work with a barrier, in which it may see none.
#include <cstdio>
#include <cstring>

#include "parallel/team.h"

int main(int argc, char** argv) {
  const bool waits = argc > 1 && std::strcmp(argv[1], "barrier") == 0;
  unsigned sum = 0;
  for (int round = 0; round < 200; ++round) {
    unsigned part[4] = {};
    aevb::run_team(4, [&](aevb::Member& member) {
      part[member.rank()] = member.rank();
      if (waits) member.barrier();
      unsigned mine = 0;
      for (const unsigned p : part) mine += p;
      if (member.rank() == 0) sum += mine;
    });
  }
  std::printf("%u\n", sum);
}
