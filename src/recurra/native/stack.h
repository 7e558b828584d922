// One stream through layers above each other and a head, in place, that reads what it is made to write.
#pragma once
#include <vector>

#include "inference.h"

namespace recurra {

// Where weights are more than a cache holds, reading them is what a step's time goes to. So every other step reads
// them in the opposite order, as far as layers allow: what was read last is still there. The order is no part of
// any sum: what a gate has of the input and what it has of the state are added once both are there.
struct Stack {
  std::vector<const Prepared<float>*> layers;
  const Linear* head;
  const float *x, *projected;  // a table that the first layer reads rows of: one of the two
  std::vector<float*> h, c;    // (H) of each layer; c null but for an LSTM
  float* logits;               // what follows, (V)
  bool back = false;
  void step(std::int64_t token, int threads);
  // Chooses and reads `count` tokens, at `uniform` of probabilities in proportion to exp(logit / divisor), those
  // excluded left out; -1 from where a logit is NaN, or none is finite.
  void write(std::int64_t count, const double* uniform, const std::int64_t* excluded, std::int64_t excluded_count,
             double divisor, std::int64_t* tokens, int threads);
};

}  // namespace recurra
