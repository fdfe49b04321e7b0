// References, templates, virtual functions, a namespace; for tests/debug.
struct Shape {
  const char *label;
  explicit Shape(const char *label) : label(label) {}
  virtual double area() const = 0;
};
struct Square : Shape {
  double side;
  explicit Square(double side) : Shape("square"), side(side) {}
  double area() const override { return side * side; }
};
template <class T> T twice(const T &value) {
  T result = value + value;
  return result;
}
namespace geometry {
double total(const Shape &a, const Shape &b) {
  double sum = a.area() + b.area();
  return twice(sum);
}
} // namespace geometry
extern "C" void __cxa_pure_virtual() { __builtin_trap(); }
extern "C" double run(int times) {
  Square one(3), two(4);
  Square &other = two;
  double all = geometry::total(one, other);
  return all * times;
}
