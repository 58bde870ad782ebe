// The one file that imports the C wall. Re-exported, because operations here and the state machines of the models
// above call the kernels by name.
@_exported import CKernels
