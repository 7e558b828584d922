// Rows of unequal length, each made one: the sum of its elements, or the greatest of each column.
#pragma once

#include <cstdint>

namespace recurra {

struct Fold {
  const float* values;          // elements, or a table of them
  std::int64_t stride;          // floats from one to the next
  const std::int64_t* ids;      // which of the table each element is; null: the elements themselves, end to end
  const std::int64_t* lengths;  // elements of each row
  std::int64_t rows, width;
  float* out;                   // (rows, width)
};

// In a row one element follows the other, as a stream would take them: who is beside changes nothing. A row
// without elements is 0, or where the greatest are asked for minus infinity.
void fold(const Fold& f, bool greatest, int threads);

}  // namespace recurra
