"""A custom runtime, as MLServer's user guide has it; the picture is a BYTES tensor with base64 content."""

from mlserver import MLModel
from mlserver.codecs import Base64Codec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse
from usual import Classifier


class Pictures(MLModel):
    async def load(self) -> bool:
        self.classify = Classifier()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        answers = self.classify(Base64Codec.decode_input(payload.inputs[0]))
        classes = StringCodec.encode_output("class", [answer["class"] for answer in answers])
        probabilities = StringCodec.encode_output("probability", [str(answer["probability"]) for answer in answers])
        return InferenceResponse(model_name=self.name, outputs=[classes, probabilities])
