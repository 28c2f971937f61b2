"""
Title: Simple digits MLP
Description: A simple network that achieves ~90% test accuracy on digits.
"""
from minikeras import Dense, Sequential
from sklearn.datasets import load_digits

num_classes = 10
batch_size = 32
epochs = 4
hidden_units = 32
learning_rate = 0.05

x, y = load_digits(return_X_y=True)
x = x.astype("float32") / 16
x_train, y_train, x_test, y_test = x[:1200], y[:1200], x[1200:], y[1200:]
print("x_train shape:", x_train.shape)
print(x_train.shape[0], "train samples")
print(x_test.shape[0], "test samples")

model = Sequential([
    Dense(hidden_units, activation="relu"),
    Dense(num_classes, activation="softmax"),
])
model.compile(optimizer="sgd", learning_rate=learning_rate,
              loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs, validation_data=(x_test, y_test))

score = model.evaluate(x_test, y_test, verbose=0)
print("Test loss:", score[0])
print("Test accuracy:", score[1])
