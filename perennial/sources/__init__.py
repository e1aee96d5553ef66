"""Where images come from: each source yields posts with images, and hostile input stops here."""
