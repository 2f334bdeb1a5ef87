/* XML: expat's events turned into a call for each element. */

#include "common/store/xml.h"

#include <errno.h>
#include <expat.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/error.h"

/* An element that is open. */
struct level {
        size_t n_path; /* of the path above it */
        size_t n_text; /* where its text begins */
};

struct reader {
        XML_Parser parser;
        xml_on_element *on_element;
        void *context;
        char path[XML_PATH_BYTES];
        struct buffer text; /* of all open elements, one after the other */
        struct level levels[XML_DEPTH_MAX];
        size_t n_levels;
        int result;           /* what ended the reading */
        const char *sentence; /* what is wrong with the document, when expat does not know */
};

static void stop(struct reader *reader, int result, const char *sentence) {
        reader->result = result;
        reader->sentence = sentence;
        XML_StopParser(reader->parser, XML_FALSE);
}

static void XMLCALL on_start(void *context, const XML_Char *name, const XML_Char **attributes _unused_) {
        struct reader *reader = context;
        size_t n = strlen(reader->path), n_name = strlen(name);

        if (reader->n_levels == XML_DEPTH_MAX || n + n_name + 2 > sizeof(reader->path)) {
                stop(reader, FAULT_E_INPUT, "its elements lie too deep within each other");
                return;
        }
        reader->levels[reader->n_levels++] = (struct level){ n, reader->text.n_bytes };
        if (n)
                reader->path[n++] = '/';
        memcpy(reader->path + n, name, n_name + 1);
}

/* What is read between an element's end and that of the one around it belongs to the latter; so an element's text is
 * always the tail of the buffer. */
static void XMLCALL on_end(void *context, const XML_Char *name _unused_) {
        struct reader *reader = context;
        const struct level *level;
        int r;

        /* expat ends an empty element even when its start stopped the reading */
        if (reader->result)
                return;
        level = &reader->levels[--reader->n_levels];
        r = reader->on_element(reader->context, reader->path, buffer_text(&reader->text) + level->n_text);
        if (r)
                stop(reader, r, NULL);
        reader->path[level->n_path] = 0;
        if (reader->text.data)
                reader->text.data[level->n_text] = 0;
        reader->text.n_bytes = level->n_text;
}

static void XMLCALL on_text(void *context, const XML_Char *text, int n_bytes) {
        struct reader *reader = context;
        const struct level *level = &reader->levels[reader->n_levels - 1];

        if (reader->result)
                return;
        if (reader->text.n_bytes - level->n_text + (size_t)n_bytes > XML_TEXT_BYTES_MAX)
                stop(reader, FAULT_E_INPUT, "the text of an element is too long");
        else if (buffer_append(&reader->text, text, (size_t)n_bytes))
                stop(reader, -ENOMEM, NULL);
}

static void XMLCALL on_document_type(void *context, const XML_Char *name _unused_, const XML_Char *system _unused_,
                                     const XML_Char *public _unused_, int has_internal_subset _unused_) {
        stop(context, FAULT_E_INPUT, "it declares a document type");
}

/* The reading ended early: by us, or because the document is none. */
static int conclude(const struct reader *reader, struct fault *fault) {
        XML_Parser parser = reader->parser;
        enum XML_Error error = XML_GetErrorCode(parser);

        if (reader->result < 0)
                return error_origin(reader->result, "reading XML");
        if (reader->result && !reader->sentence)
                return reader->result;
        if (error == XML_ERROR_NO_MEMORY)
                return error_origin(-ENOMEM, "reading XML");
        return fault_set(fault, "XML_MALFORMED", "line %lu, column %lu: %s", XML_GetCurrentLineNumber(parser),
                         XML_GetCurrentColumnNumber(parser) + 1,
                         reader->sentence ? reader->sentence : XML_ErrorString(error));
}

int xml_read(const void *bytes, size_t n_bytes, xml_on_element *on_element, void *context, struct fault *fault) {
        struct reader reader = { .on_element = on_element, .context = context };
        int r = 0;

        if (n_bytes > INT_MAX)
                return fault_set(fault, "XML_MALFORMED", "the document has %zu bytes", n_bytes);
        reader.parser = XML_ParserCreate(NULL);
        if (!reader.parser)
                return error_origin(-ENOMEM, "reading XML");
        XML_SetUserData(reader.parser, &reader);
        XML_SetElementHandler(reader.parser, on_start, on_end);
        XML_SetCharacterDataHandler(reader.parser, on_text);
        XML_SetStartDoctypeDeclHandler(reader.parser, on_document_type);
        if (XML_Parse(reader.parser, bytes, (int)n_bytes, XML_TRUE) != XML_STATUS_OK)
                r = conclude(&reader, fault);
        XML_ParserFree(reader.parser);
        buffer_finish(&reader.text);
        return r;
}

int xml_escape(const char *text, struct buffer *escaped) {
        int r = 0;

        for (; *text && !r; text++)
                switch (*text) {
                case '&':
                        r = buffer_append_text(escaped, "&amp;");
                        break;
                case '<':
                        r = buffer_append_text(escaped, "&lt;");
                        break;
                case '>':
                        r = buffer_append_text(escaped, "&gt;");
                        break;
                case '"':
                        r = buffer_append_text(escaped, "&quot;");
                        break;
                case '\'':
                        r = buffer_append_text(escaped, "&apos;");
                        break;
                default:
                        r = buffer_append(escaped, text, 1);
                        break;
                }
        return error_trace(r);
}
