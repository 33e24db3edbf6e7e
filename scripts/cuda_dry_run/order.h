// What waits for what in the streams of the fake device, and which accesses to memory nothing orders.
//
// Each stream has a clock, a number that grows with what is put into it, and so do its clocks of the
// others: how far those were when it last waited for them, through an event, the host or the default
// stream. An access to memory is in order where its stream has seen, on that clock, the last one that
// wrote there. Which stream is meant to be used needs no saying.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace fake_cuda {

// `unknown`: a kernel got the address, and may do either.
enum class How : int { read = 0, write = 1, unknown = 2 };

// For each stream, by its number, how much of it is known to be over.
using Clock = std::vector<uint64_t>;

inline void join(Clock& into, const Clock& from) {
  if (into.size() < from.size()) into.resize(from.size());
  for (size_t i = 0; i < from.size(); ++i) into[i] = std::max(into[i], from[i]);
}

class Order {
 public:
  // A new stream; returns its number.
  size_t add() {
    streams_.emplace_back();
    return streams_.size() - 1;
  }
  // Work is put into a stream: what the host knows to be over is over before it.
  void put(size_t stream) {
    Clock& clock = streams_[stream];
    join(clock, host_);
    if (clock.size() <= stream) clock.resize(stream + 1);
    ++clock[stream];
  }
  void waitFor(size_t stream, const Clock& clock) { join(streams_[stream], clock); }
  void hostWaitsFor(const Clock& clock) { join(host_, clock); }
  const Clock& of(size_t stream) const { return streams_[stream]; }

  // Work that was just put into a stream uses so many bytes, or some from this address on where that is
  // not known (0). Returns what is wrong, or nothing.
  std::string access(size_t stream, const void* address, size_t bytes, How how, const std::string& who) {
    char* const at = static_cast<char*>(const_cast<void*>(address));
    const Use mine{stream, streams_[stream][stream], how, who};
    std::string wrong;
    auto cell = cells_.upper_bound(at);
    if (cell != cells_.begin() && std::prev(cell)->first + std::prev(cell)->second.bytes > at) --cell;
    for (; cell != cells_.end() && cell->first < at + std::max<size_t>(bytes, 1); ++cell) {
      auto& uses = cell->second.uses;
      for (const Use& other : uses) {
        if (how == How::read && other.how == How::read) continue;
        if (seen(stream, other)) continue;
        const std::string pair = other.who + " and " + who;
        if (wrong.empty() && reported_.insert(pair).second) {
          wrong = pair + ", in streams " + std::to_string(other.stream) + " and " +
                  std::to_string(stream) + ", use the same memory, and neither waits for the other";
        }
      }
      // What this one has waited for, nobody needs to wait for any more; reads beside reads stay.
      uses.erase(std::remove_if(uses.begin(), uses.end(),
                                [&](const Use& other) {
                                  return seen(stream, other) && (how != How::read || other.how == How::read);
                                }),
                 uses.end());
      if (cell->first != at) uses.push_back(mine);
    }
    Cell& own = cells_[at];
    own.bytes = std::max({own.uses.empty() ? 0 : own.bytes, bytes, size_t(1)});
    own.uses.push_back(mine);
    return wrong;
  }
  // Nobody uses these bytes any more.
  void forget(const void* address, size_t bytes) {
    char* const at = static_cast<char*>(const_cast<void*>(address));
    cells_.erase(cells_.lower_bound(at), cells_.lower_bound(at + bytes));
  }

 private:
  struct Use {
    size_t stream;
    uint64_t time;
    How how;
    std::string who;
  };
  struct Cell {
    size_t bytes = 0;
    std::vector<Use> uses;
  };
  bool seen(size_t stream, const Use& use) const {
    const Clock& clock = streams_[stream];
    return use.stream < clock.size() && use.time <= clock[use.stream];
  }

  std::vector<Clock> streams_;
  Clock host_;
  std::map<char*, Cell> cells_;
  std::set<std::string> reported_;
};

}  // namespace fake_cuda
