// ErrorAnalysis
