// TextProcessing
