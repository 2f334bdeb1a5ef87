#pragma once

/*
 * XML
 *
 * The only door to expat. Reads the small documents of S3 and STS: elements within elements, text in the innermost.
 * Attributes are passed over, names keep their prefix, and a document type is refused, since nothing honest has one and
 * entities can grow without end.
 */

#include <stddef.h>

#include "common/base/buffer.h"
#include "common/base/fault.h"

/* elements within each other */
#define XML_DEPTH_MAX 16
/* the path of an element, its end included */
#define XML_PATH_BYTES 512
/* the text of one element */
#define XML_TEXT_BYTES_MAX 65536

/*
 * Called at the end of each element, so after those within it. path is that of its names from the root on,
 * "ListBucketResult/Contents/Key"; text is what stands in it and in no element of its own, as UTF-8. Both borrowed for
 * the call. Anything but 0 ends the reading.
 */
typedef int xml_on_element(void *context, const char *path, const char *text);

/* 0; FAULT_E_INPUT (XML_MALFORMED, with line and column); what on_element returned, if that is not 0; or -ENOMEM. */
int xml_read(const void *bytes, size_t n_bytes, xml_on_element *on_element, void *context, struct fault *fault);

/* Appends the text with the five characters that mean something in XML written as entities. 0 or -ENOMEM. */
int xml_escape(const char *text, struct buffer *escaped);
