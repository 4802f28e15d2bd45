// The update rule for one element: the only place where it is written.
#ifndef KERASCHED_SGD_RULE_H_
#define KERASCHED_SGD_RULE_H_

namespace kerasched {

// Updates one element as keras.optimizers.SGD does:
//   velocity = velocity * momentum - gradient * learning_rate
//   weight = weight + velocity
// Each product is rounded before it is added (-ffp-contract=off), as in NumPy and in
// Keras outside of XLA.
template <typename T>
inline void UpdateElement(T& weight, T& velocity, T gradient, T learning_rate,
                          T momentum) {
  velocity = velocity * momentum - gradient * learning_rate;
  weight += velocity;
}

}  // namespace kerasched

#endif  // KERASCHED_SGD_RULE_H_
