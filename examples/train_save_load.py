import keras
import numpy as np

from kerasched import StepDecay

x = np.random.default_rng(0).normal(size=(256, 8)).astype("float32")
y = x.sum(axis=1, keepdims=True)
model = keras.Sequential([keras.layers.Input((8,)), keras.layers.Dense(1)])
schedule = StepDecay(0.1, decay_steps=16)  # halved every 16 optimizer steps
model.compile(keras.optimizers.SGD(learning_rate=schedule, momentum=0.9), loss="mse")
model.fit(x, y, batch_size=32, epochs=4)  # 32 steps: 0.1, 0.05, and 0.025 comes next
model.save("model.keras")
loaded = keras.saving.load_model("model.keras")
loaded.fit(x, y, batch_size=32, epochs=2)  # continues at step 32, at 0.025
