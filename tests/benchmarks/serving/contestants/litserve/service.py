"""A LitAPI with batching, as LitServe's page on batching has it: batches of 8, for which 10 ms are waited."""

import sys

import litserve
from fastapi import UploadFile
from usual import Classifier


class Pictures(litserve.LitAPI):
    def setup(self, device) -> None:
        self.classify = Classifier()

    def decode_request(self, request: UploadFile) -> bytes:
        return request.file.read()

    def batch(self, inputs):
        return list(inputs)

    def predict(self, pictures):
        return self.classify(pictures)

    def unbatch(self, output):
        return output

    def encode_response(self, output):
        return output


if __name__ == "__main__":
    api = Pictures(max_batch_size=8, batch_timeout=0.01)
    server = litserve.LitServer(api, accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False)
