// The units of the model: it reads (x - location) * scale for each column of the data, or the level
// of a column as a column of x for each level.
#pragma once

#include <algorithm>
#include <vector>

#include "base/check.h"

namespace aevb {

// Where the columns of the data stand in x. The columns of a likelihood are together there.
struct Layout {
  std::vector<size_t> places;    // (columns of the data,): the first column of x; empty: the same
  std::vector<uint32_t> levels;  // (columns of the data,): the number of levels; 0: a number
};

class Units {
 public:
  Units() = default;
  // log_jacobian is the logarithm of the density's factor: the sum of log_jacobians, log scale for
  // each column of the data with a density and 0 for others.
  Units(std::vector<double> location, std::vector<double> scale, double log_jacobian,
        std::vector<double> log_jacobians, Layout layout)
      : location_(std::move(location)),
        scale_(std::move(scale)),
        log_jacobian_(log_jacobian),
        layout_(std::move(layout)) {
    check(location_.size() == scale_.size(), "scale: want as many values as location has");
    check(log_jacobians.size() == scale_.size(), "log_jacobians: want as many as location has");
    check(layout_.places.size() == layout_.levels.size() &&
              (!has_layout() || layout_.places.size() == scale_.size()),
          "places, levels: want none, or as many as location has");
    const auto is_zero = [](double value) { return value == 0.0; };
    if (!std::all_of(log_jacobians.begin(), log_jacobians.end(), is_zero))
      log_jacobians_ = std::move(log_jacobians);
    const auto is_first = [&](double value) { return value == scale_.front(); };
    per_column_ = has_layout() || !(std::all_of(location_.begin(), location_.end(), is_zero) &&
                                    std::all_of(scale_.begin(), scale_.end(), is_first));
    if (!scale_.empty()) common_scale_ = static_cast<float>(scale_.front());
  }

  // Whether columns differ. If not, the location is 0 and common_scale() applies.
  bool per_column() const { return per_column_; }
  float common_scale() const { return common_scale_; }
  const double* location() const { return location_.data(); }
  const double* scale() const { return scale_.data(); }
  size_t size() const { return scale_.size(); }  // columns of the data
  bool has_layout() const { return !layout_.places.empty(); }
  const Layout& layout() const { return layout_; }
  const size_t* places() const { return layout_.places.data(); }
  const uint32_t* levels() const { return layout_.levels.data(); }
  size_t place(size_t column) const { return has_layout() ? layout_.places[column] : column; }
  double log_jacobian() const { return log_jacobian_; }
  // Of each column of the data; empty: all are 0.
  const std::vector<double>& log_jacobians() const { return log_jacobians_; }

 private:
  std::vector<double> location_, scale_, log_jacobians_;
  double log_jacobian_ = 0.0;
  Layout layout_;
  bool per_column_ = false;
  float common_scale_ = 1.0f;
};

}  // namespace aevb
