"""Every error a user can meet, with a stable code.

SEG1xx input, SEG2xx configuration, SEG3xx model files, SEG4xx training.
"""

from spacy.errors import ErrorsWithCodes


class Errors(metaclass=ErrorsWithCodes):
    """Texts of errors; what stands in braces is filled in where they are raised."""

    # Input
    SEG100 = "Sentence starts must be ascending character offsets inside the text (0 to {length}), got {offset} at position {index}."
    SEG110 = "There is nothing to read at '{path}'. Give files, folders or patterns of these formats: {formats} (or the same with .gz)."
    SEG111 = "{path}, line {line}: {reason}"
    SEG112 = "No file at '{path}' names its split. Expected names such as en_ewt.train.conllu, en_ewt-ud-dev.conllu or health/test.jsonl.gz."
    SEG113 = "The data are not those of the assets of {project}: {problems}. Delete wrong files and run: python -m spacy project assets."
    SEG114 = "No file with '.{split}.' in its name stands beside {paths}: give gold files with '.train.' in their names and --split."
    SEG115 = "There is nothing to measure at {paths}. Give documents with a text, for topics of at least two sentences."
    SEG116 = (
        "Topics are made of files that hold two documents or more, of {n} sentences at least. Found none at {path}."
    )
    SEG120 = "The logit of unit {index} is not a number: the model is broken, or its input was."
    SEG130 = "'{name}' left the sentence starts of a parsed Doc as they are: they belong to the parse. Put the component before the parser, or run it without one."
    SEG131 = "There is nothing to read at '{path}'. Give files, folders that hold files (hidden ones do not count) or patterns."
    SEG132 = "{path}, line {line}: {reason}. Expected UTF-8 text."
    SEG133 = "Cannot load the pipeline '{name}': {reason}"
    SEG134 = "The output format must be one of {formats}; 'spacy' needs --output FILE."
    SEG135 = "The pipeline has no {kind}. It has: {names}."
    SEG136 = "Cannot draw '{path}': {reason}. Expected JSON of segment-evaluate or segment-benchmark, or a JSONL log of spacy train."
    SEG137 = "Drawing needs matplotlib: pip install 'spacy-segment[viz]'."
    SEG138 = "{path} must be a tab-separated table with the columns {columns}, got {found}."
    SEG139 = "Cannot write to '{path}': {reason}. A file that was there before is unchanged."
    SEG140 = "'{name}' needs sentence starts, and a Doc has none. Put a component that sets them before it: nlp.add_pipe('sentence_segmenter', before='{name}'), or 'sentencizer', 'senter', 'parser'."
    SEG141 = "{path}, record {record}: {reason}"
    SEG142 = "The topics of a gold Doc must tile it, but those in doc.spans['{key}'] {problem}: {text!r}. Parts of topics need a level above 1 in attrs['levels']."
    SEG143 = "'{path}' holds no figures for a card: {reason}. Expected JSON of segment-evaluate."
    SEG144 = (
        "doc.spans['{key}'] has {n_spans} spans, but its attrs['levels'] has {n_levels} numbers. Give one for each."
    )
    SEG150 = "render() shows a Doc or several, but was given a {type}."

    # Configuration
    SEG200 = "'{name}' must be {expected}, got {value!r}."
    SEG201 = "Pretrained weights were asked for ('{name}'), but the package holds none of that name. It holds: {names}."
    SEG202 = "Cannot use the config '{path}': {reason}"
    SEG210 = "Corruptions are given as names (with weights of at least 0, not all 0), got {given}. Known: {known}."
    SEG211 = "A mixture needs documents with sentences, of more than a few characters; found none at {path}."
    SEG220 = "The model knows no label '{label}'. It knows: {known}. Initialize with all of them: [initialize.components.topic_segmenter.labels] in a config, or nlp.initialize() with examples of every label among the first 1,000."
    SEG221 = "'{name}' asks for {n_segments} segments, but the Doc has {n_units} units. Ask for fewer, or set n_segments to None."
    SEG230 = "There is no adapter '{name}'. The pipeline has: {names}."

    # Model files
    SEG300 = "Cannot read the model: {reason}. Expected a file or directory that this version of spacy_segment saved."
    SEG301 = "The weights do not fit the model. {problems}"
    SEG302 = "The model has no weights yet. Call nlp.initialize() or load a trained pipeline."
    SEG303 = "Cannot save the model to '{path}': {reason}. No file there is half written, but some may be of before and some of now."
    SEG310 = "Cannot load the encoder '{name}': {reason}. Give a directory with config.json, model.safetensors and tokenizer.json, or a name on the hub."
    SEG311 = "The weights of '{name}', a directory of this machine, were never read, so a saved pipeline would lack them. Call nlp.initialize() before saving, or run: python -m spacy segment-import."
    SEG312 = "'{path}' exists. Give a directory that does not, or delete it."
    SEG330 = "Cannot read the adapter: {reason}. Expected a file that segment-adapt or a pipeline with adapters wrote."
    SEG331 = "The adapter was made for another base model: its matrices do not belong to these weights. Load the pipeline that it was made with, or adapt this one anew."

    # Training
    SEG400 = "The gold text and the predicted text of an Example differ, so gold sentence starts have no place: {reference!r} against {predicted!r}."
    SEG401 = "The loss is not a number. Lower the learning rate, or look for broken input in this batch: {text!r}."
    SEG402 = "An Example has no gold sentence starts. Set Token.is_sent_start on the reference Doc, or read the corpus with spacy_segment.SentenceCorpus.v1."
    SEG403 = "'{name}' has a model without anything to train. Use spacy_segment.Coherence.v1, LocalContext.v1 or SameTopic.v1."
    SEG404 = "An Example has no gold topics in doc.spans['{key}']. Set them on the reference Doc, or read the corpus with spacy_segment.TopicCorpus.v1."
    SEG420 = "Cannot go on from the checkpoint '{path}': {reason}. Delete it to train from the start."
    SEG421 = "Cannot write the checkpoint '{path}': {reason}. The one before is unchanged."
    SEG422 = "Cannot go on with the log '{path}': {reason}. Delete it to log from here on, or give another output_file."
    SEG430 = "'{kind}' has no linear layers of query, value and feed-forward that an adapter could change. Adapt a model with spacy_segment.BandedEncoder.v1 or spacy_segment.HFEncoder.v1."
    SEG431 = "Adapting needs peft: pip install 'spacy-segment[adapt]'."
    SEG432 = "There are {found} boundaries between neighbouring sentences to learn from (sentences: {n_sentences}), at least {needed} are needed. Give more examples (one sentence per line in a .txt file; JSONL, CoNLL-U or .spacy)."
    SEG433 = "'{name}' trains no adapter. Put spacy_segment.new_adapter.v1 into [initialize.after_init] of the config."
    SEG434 = "segment-train feeds packed pieces to spacy_segment.BandedEncoder.v1, not to '{kind}'. Train it with: python -m spacy train."
    SEG435 = "A process that makes batches ended by itself, for want of memory perhaps. Try fewer: --workers."
    SEG436 = "The pipeline has no sentence segmenter '{name}' that could be adapted. It has: {names}."
    SEG437 = "The teacher cuts texts into other pieces than the model that learns from it, or predicts other marks. Give both the same vocabulary: initialise the model from the teacher's config, or train the teacher anew."
    SEG438 = "segment-train needs the optimizer Muon of torch 2.9 or later; here is torch {version}. Update it: pip install -U torch."


def is_coded(error: BaseException, code: str = "SEG") -> bool:
    """Whether an error is one of ours, or the one of a code."""
    return str(error).startswith(f"[{code}")
