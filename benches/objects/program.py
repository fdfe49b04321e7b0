# Words of a pseudo-random text are counted and sorted; shapes have methods; expressions are evaluated
# with exceptions; closures and comprehensions.
class Random:
    def __init__(self, state):
        self.state = state

    def next(self, below):
        self.state = (self.state * 75 + 74) % 65537
        return (self.state // 7) % below


class Shape:
    def area(self):
        return 0.0

    def name(self):
        return "shape"


class Square(Shape):
    def __init__(self, side):
        self.side = side

    def area(self):
        return self.side * self.side

    def name(self):
        return "square"


class Rectangle(Shape):
    def __init__(self, width, height):
        self.width = width
        self.height = height

    def area(self):
        return self.width * self.height


class Node:
    def __init__(self, sign, left, right):
        self.sign = sign
        self.left = left
        self.right = right


def expression(random, depth):
    if depth == 0:
        return Node("number", random.next(10), None)
    left = expression(random, depth - 1)
    right = expression(random, depth - 1)
    return Node(["+", "*", "/", "+"][random.next(4)], left, right)


def evaluate(node):
    if node.sign == "number":
        return node.left
    left = evaluate(node.left)
    right = evaluate(node.right)
    if node.sign == "+":
        return (left + right) % 10007
    if node.sign == "*":
        return (left * right) % 10007
    if right == 0:
        raise ValueError("division by zero")
    return left // right


def adder(n):
    def add(x):
        return x + n

    return add


random = Random(7)
letters = "abcdefgh"
counts = {}
for i in range(200000):
    word = letters[random.next(8)]
    more = random.next(3)
    for j in range(more):
        word = word + letters[random.next(8)]
    counts[word] = counts.get(word, 0) + 1
words = []
for word in counts:
    words.append(word)
words.sort()
print("words", len(words))
for i in range(8):
    print(words[i * 50], counts[words[i * 50]])
numbers = [counts[word] for word in words]
numbers.sort()
print("most", numbers[-1], numbers[-2], numbers[-3])

total = 0
errors = 0
for i in range(40000):
    try:
        total = total + evaluate(expression(random, 1 + i % 5))
    except ValueError:
        errors = errors + 1
print("total", total, "errors", errors)

shapes = []
for i in range(3000):
    if i % 3 == 0:
        shapes.append(Square(i))
    else:
        shapes.append(Rectangle(i, 2))
area = 0
names = {}
for shape in shapes:
    area = area + shape.area()
    names[shape.name()] = names.get(shape.name(), 0) + 1
print("area", area, names["square"], names["shape"])

adders = [adder(n) for n in range(1000)]
x = 0
for add in adders:
    x = add(x)
print("added", x)
print([n * n for n in range(12) if n % 2 == 1])


def checked(n):
    if n > 3:
        raise KeyError("too large")
    return n


try:
    print(checked(3))
    print(checked(4))
except KeyError:
    print("too large")
finally:
    print("end")
