"""What most people write by hand: FastAPI, an uploaded file, a sync endpoint."""

from fastapi import FastAPI, UploadFile
from usual import Classifier

app = FastAPI()
classify = Classifier()


@app.post("/predict")
def predict(file: UploadFile) -> dict:
    return classify([file.file.read()])[0]
