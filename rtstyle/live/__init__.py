"""The webcam as a product: keys, cross-fades, adaptive painting, what is drawn over the picture."""

# PyAV's wheel brings a libxcb of its own: loaded before OpenCV's, it makes the first window hang for ever (PyAV#978).
import cv2 as cv2
