"""Every error a user can meet, with a stable code.

SEG1xx input, SEG2xx configuration, SEG3xx model files, SEG4xx training.
"""

from spacy.errors import ErrorsWithCodes


class Errors(metaclass=ErrorsWithCodes):
    # Input
    SEG100 = "Sentence starts must be ascending character offsets inside the text (0 to {length}), got {offset} at position {index}."
    SEG101 = "The Doc has no text that a boundary could be set in: expected a list of spaCy Doc objects, got {type}."
    SEG110 = "There is nothing to read at '{path}'. Give files, folders or patterns of these formats: {formats} (or the same with .gz)."
    SEG111 = "{path}, line {line}: {reason}"
    SEG120 = "The logit of unit {index} is not a number: the model is broken, or its input was."
    SEG130 = "'{name}' left the sentence starts of a parsed Doc as they are: they belong to the parse. Put the component before the parser, or run it without one."
    SEG131 = "There is no file, folder or pattern '{path}' to read."
    SEG132 = "{path}, line {line}: {reason}. Expected UTF-8 text."
    SEG133 = "Cannot load the pipeline '{name}': {reason}"
    SEG134 = "The output format must be one of {formats}; 'spacy' needs --output FILE."
    SEG135 = "Cannot write to '{path}': {reason}. A file that was there before is unchanged."
    SEG140 = "'{name}' needs sentence starts, and a Doc has none. Put a component that sets them before it: nlp.add_pipe('sentence_segmenter', before='{name}'), or 'sentencizer', 'senter', 'parser'."
    SEG141 = "{path}, record {record}: {reason}"
    SEG142 = "The sections of a gold Doc must tile it: they {problem}."

    # Configuration
    SEG200 = "'{name}' must be {expected}, got {value!r}."
    SEG201 = "Pretrained weights were asked for ('{name}'), but the package holds none of that name. It holds: {names}."
    SEG210 = "Corruptions are given as names (with weights of at least 0, not all 0), got {given}. Known: {known}."
    SEG211 = "A mixture needs documents with sentences and at least one length of crops; found none at {path}."
    SEG220 = "The model knows no label '{label}'. It knows: {known}. Call nlp.initialize() with examples of all labels."
    SEG221 = "'{name}' asks for {n_segments} segments, but the Doc has {n_units} units. Ask for fewer, or set n_segments to None."

    # Model files
    SEG300 = "Cannot read the model: {reason}. Expected a file or directory that this version of spacy_segment saved."
    SEG301 = "The weights do not fit the model. {problems}"
    SEG302 = "The model has no weights yet. Call nlp.initialize() or load a trained pipeline."
    SEG303 = "Cannot save the model to '{path}': {reason}. What was there before is unchanged."
    SEG310 = "Cannot load the encoder '{name}': {reason}. Give a directory with config.json, model.safetensors and tokenizer.json, or a name on the hub."

    # Training
    SEG400 = "The gold text and the predicted text of an Example differ, so gold sentence starts have no place: {reference!r} against {predicted!r}."
    SEG401 = "The loss is not a number. Lower the learning rate, or look for broken input in this batch: {text!r}."
    SEG402 = "An Example has no gold sentence starts. Set Token.is_sent_start on the reference Doc, or read the corpus with spacy_segment.SentenceCorpus.v1."
    SEG403 = "'{name}' has a model without anything to train. Use spacy_segment.Coherence.v1, LocalContext.v1 or SameTopic.v1."
    SEG404 = "An Example has no gold topics in doc.spans['{key}']. Set them on the reference Doc, or read the corpus with spacy_segment.TopicCorpus.v1."
    SEG420 = "Cannot go on from the checkpoint '{path}': {reason}. Delete it to train from the start."
    SEG421 = "Cannot write the checkpoint '{path}': {reason}. The one before is unchanged."
