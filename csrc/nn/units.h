// The units of the model's inputs: the model reads (x - location) * scale for each column of x.
#pragma once

#include <algorithm>
#include <vector>

#include "base/check.h"

namespace aevb {

class Units {
 public:
  Units() = default;
  // log_jacobian is the logarithm of the density's factor: the sum of log scale over the columns
  // with a density.
  Units(std::vector<double> location, std::vector<double> scale, double log_jacobian)
      : location_(std::move(location)), scale_(std::move(scale)), log_jacobian_(log_jacobian) {
    check(location_.size() == scale_.size(), "scale: want as many values as location has");
    const auto is_zero = [](double value) { return value == 0.0; };
    const auto is_first = [&](double value) { return value == scale_.front(); };
    per_column_ = !(std::all_of(location_.begin(), location_.end(), is_zero) &&
                    std::all_of(scale_.begin(), scale_.end(), is_first));
    if (!scale_.empty()) common_scale_ = static_cast<float>(scale_.front());
  }

  // Whether columns differ. If not, the location is 0 and common_scale() applies.
  bool per_column() const { return per_column_; }
  float common_scale() const { return common_scale_; }
  const double* location() const { return location_.data(); }
  const double* scale() const { return scale_.data(); }
  size_t size() const { return scale_.size(); }
  double log_jacobian() const { return log_jacobian_; }

 private:
  std::vector<double> location_, scale_;
  double log_jacobian_ = 0.0;
  bool per_column_ = false;
  float common_scale_ = 1.0f;
};

}  // namespace aevb
