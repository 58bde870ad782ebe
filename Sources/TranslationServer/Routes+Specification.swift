import Hummingbird

/// `GET /spec`: the interface as OpenAPI 3.
struct SpecificationRoutes {
  let service: TranslationService

  func add(to router: Router<ServerContext>) {
    let body = ByteBuffer(string: Self.specification)
    router.only(.get, "/spec") { _, _ in
      Response(
        status: .ok, headers: [.contentType: "application/json; charset=utf-8"],
        body: ResponseBody(byteBuffer: body))
    }
  }

  static let specification = #"""
    {
      "openapi": "3.0.3",
      "info": {
        "title": "mt", "version": "1.0.0", "license": { "name": "Apache-2.0" },
        "description": "Machine translation on this computer. The interface is LibreTranslate's; /translate/stream and /explain are additions."
      },
      "paths": {
        "/translate": {
          "post": {
            "summary": "Translate one text or several",
            "requestBody": { "$ref": "#/components/requestBodies/Translation" },
            "responses": {
              "200": {
                "description": "The translation; arrays where q is one",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Translation" } } }
              },
              "400": { "$ref": "#/components/responses/Error" },
              "403": { "$ref": "#/components/responses/Error" },
              "413": { "$ref": "#/components/responses/Error" },
              "429": { "$ref": "#/components/responses/Later" },
              "500": { "$ref": "#/components/responses/Error" },
              "503": { "$ref": "#/components/responses/Later" }
            }
          }
        },
        "/translate/stream": {
          "post": {
            "summary": "Translate, and tell on the way how the translation begins",
            "description": "Server-sent events: `beginning` with {translatedText, index}, which no later event takes back; at last `translation` with what /translate answers, or `error`.",
            "requestBody": { "$ref": "#/components/requestBodies/Translation" },
            "responses": {
              "200": { "description": "Events", "content": { "text/event-stream": { "schema": { "type": "string" } } } },
              "400": { "$ref": "#/components/responses/Error" },
              "403": { "$ref": "#/components/responses/Error" },
              "413": { "$ref": "#/components/responses/Error" },
              "429": { "$ref": "#/components/responses/Later" }
            }
          }
        },
        "/explain": {
          "post": {
            "summary": "Tell how a translation came about: words, attention, probabilities, the beam's tree",
            "description": "Of one text of at most 5000 characters, from and to languages that one model translates.",
            "requestBody": {
              "required": true,
              "content": {
                "application/json": { "schema": { "$ref": "#/components/schemas/ExplanationRequest" } },
                "application/x-www-form-urlencoded": { "schema": { "$ref": "#/components/schemas/ExplanationRequest" } }
              }
            },
            "responses": {
              "200": {
                "description": "Sentence by sentence",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Explanation" } } }
              },
              "400": { "$ref": "#/components/responses/Error" },
              "403": { "$ref": "#/components/responses/Error" },
              "413": { "$ref": "#/components/responses/Error" },
              "429": { "$ref": "#/components/responses/Later" },
              "503": { "$ref": "#/components/responses/Later" }
            }
          }
        },
        "/detect": {
          "post": {
            "summary": "Find the language of a text, among those that can be translated",
            "requestBody": {
              "required": true,
              "content": {
                "application/json": { "schema": { "$ref": "#/components/schemas/Text" } },
                "application/x-www-form-urlencoded": { "schema": { "$ref": "#/components/schemas/Text" } }
              }
            },
            "responses": {
              "200": {
                "description": "All languages, the most probable first",
                "content": {
                  "application/json": {
                    "schema": { "type": "array", "items": { "$ref": "#/components/schemas/Detection" } }
                  }
                }
              },
              "400": { "$ref": "#/components/responses/Error" },
              "403": { "$ref": "#/components/responses/Error" },
              "413": { "$ref": "#/components/responses/Error" },
              "429": { "$ref": "#/components/responses/Later" }
            }
          }
        },
        "/languages": {
          "get": {
            "summary": "The languages, and what each can be translated to",
            "responses": {
              "200": {
                "description": "Languages by code",
                "content": {
                  "application/json": {
                    "schema": { "type": "array", "items": { "$ref": "#/components/schemas/Language" } }
                  }
                }
              }
            }
          }
        },
        "/frontend/settings": {
          "get": {
            "summary": "What a page must know",
            "responses": {
              "200": { "description": "Settings", "content": { "application/json": { "schema": { "type": "object" } } } }
            }
          }
        },
        "/health": {
          "get": {
            "summary": "Whether the server is there",
            "responses": {
              "200": { "description": "It is", "content": { "application/json": { "schema": { "type": "object" } } } }
            }
          }
        },
        "/metrics": {
          "get": {
            "summary": "Counts and times for Prometheus",
            "responses": {
              "200": { "description": "Metrics", "content": { "text/plain": { "schema": { "type": "string" } } } },
              "401": { "$ref": "#/components/responses/Error" }
            }
          }
        }
      },
      "components": {
        "requestBodies": {
          "Translation": {
            "required": true,
            "content": {
              "application/json": { "schema": { "$ref": "#/components/schemas/Request" } },
              "application/x-www-form-urlencoded": { "schema": { "$ref": "#/components/schemas/Request" } }
            }
          }
        },
        "responses": {
          "Error": {
            "description": "What is wrong",
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } }
          },
          "Later": {
            "description": "Too much at once",
            "headers": { "Retry-After": { "description": "Seconds", "schema": { "type": "integer" } } },
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } }
          }
        },
        "schemas": {
          "OneOrManyTexts": {
            "oneOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }]
          },
          "Request": {
            "type": "object", "required": ["q", "source", "target"],
            "properties": {
              "q": { "$ref": "#/components/schemas/OneOrManyTexts" },
              "source": { "type": "string", "description": "A language's code, or auto", "example": "fr" },
              "target": { "type": "string", "example": "en" },
              "format": { "type": "string", "enum": ["text", "html"], "default": "text" },
              "alternatives": { "type": "integer", "minimum": 0, "default": 0 },
              "api_key": { "type": "string" }
            }
          },
          "Translation": {
            "type": "object", "required": ["translatedText"],
            "properties": {
              "translatedText": { "$ref": "#/components/schemas/OneOrManyTexts" },
              "alternatives": { "type": "array", "items": {}, "description": "Only where asked for" },
              "detectedLanguage": {
                "description": "Only where source is auto",
                "oneOf": [
                  { "$ref": "#/components/schemas/Detection" },
                  { "type": "array", "items": { "$ref": "#/components/schemas/Detection" } }
                ]
              }
            }
          },
          "ExplanationRequest": {
            "type": "object", "required": ["q", "source", "target"],
            "properties": {
              "q": { "type": "string" }, "source": { "type": "string" }, "target": { "type": "string" },
              "beam": { "type": "integer", "minimum": 1, "maximum": 16 },
              "alternatives": { "type": "integer", "minimum": 0, "default": 0 },
              "tree": { "type": "boolean", "default": false, "description": "Whether the beam's tree is wanted, of short sentences" },
              "api_key": { "type": "string" }
            }
          },
          "Explanation": {
            "type": "object", "required": ["source", "target", "lead", "sentences"],
            "properties": {
              "source": { "type": "string" }, "target": { "type": "string" },
              "lead": { "type": "string", "description": "White space before the first sentence" },
              "sentences": {
                "type": "array",
                "items": {
                  "type": "object", "required": ["text", "gap", "lead", "words", "pieces", "hypotheses", "warnings"],
                  "properties": {
                    "text": { "type": "string" }, "gap": { "type": "string" }, "lead": { "type": "string" },
                    "words": { "type": "array", "items": { "$ref": "#/components/schemas/Word" } },
                    "pieces": { "type": "array", "items": { "type": "string" } },
                    "hypotheses": {
                      "type": "array", "description": "The best first",
                      "items": {
                        "type": "object",
                        "properties": {
                          "text": { "type": "string" }, "score": { "type": "number" }, "lead": { "type": "string" },
                          "logProbability": { "type": "number", "description": "In nats, of all pieces and the end" },
                          "words": { "type": "array", "items": { "$ref": "#/components/schemas/Word" } },
                          "attention": { "$ref": "#/components/schemas/Attention" },
                          "pieces": { "type": "array", "items": { "$ref": "#/components/schemas/Word" } },
                          "pieceAttention": { "$ref": "#/components/schemas/Attention" }
                        }
                      }
                    },
                    "tree": {
                      "type": "object",
                      "properties": {
                        "beam": { "type": "integer" },
                        "chosen": { "type": "integer", "nullable": true, "description": "The node that ends the translation" },
                        "results": { "type": "array", "items": { "type": "integer" } },
                        "nodes": {
                          "type": "array",
                          "items": {
                            "type": "object",
                            "properties": {
                              "parent": { "type": "integer", "nullable": true }, "step": { "type": "integer" },
                              "rank": { "type": "integer" }, "text": { "type": "string" },
                              "tokenLogProbability": { "type": "number" }, "logProbability": { "type": "number" },
                              "score": { "type": "number", "nullable": true },
                              "fate": { "type": "string", "enum": ["alive", "pruned", "finished", "stopped"] }
                            }
                          }
                        }
                      }
                    },
                    "warnings": { "type": "array", "items": { "type": "string" } }
                  }
                }
              }
            }
          },
          "Word": {
            "type": "object", "required": ["text"],
            "properties": {
              "text": { "type": "string" }, "gap": { "type": "string" },
              "logProbability": { "type": "number", "nullable": true }
            }
          },
          "Attention": {
            "type": "array", "description": "A row for each word or piece written, a column for each read",
            "items": { "type": "array", "items": { "type": "number" } }
          },
          "Text": {
            "type": "object", "required": ["q"],
            "properties": { "q": { "$ref": "#/components/schemas/OneOrManyTexts" }, "api_key": { "type": "string" } }
          },
          "Detection": {
            "type": "object", "required": ["confidence", "language"],
            "properties": {
              "confidence": { "type": "number", "minimum": 0, "maximum": 100 }, "language": { "type": "string" }
            }
          },
          "Language": {
            "type": "object", "required": ["code", "name", "targets"],
            "properties": {
              "code": { "type": "string" }, "name": { "type": "string" },
              "targets": { "type": "array", "items": { "type": "string" } }
            }
          },
          "Error": { "type": "object", "required": ["error"], "properties": { "error": { "type": "string" } } }
        }
      }
    }
    """#
}
