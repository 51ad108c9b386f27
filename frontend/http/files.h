/* files.h - the API's description, for tools: /swagger.json (OpenAPI 2) and /openapi.yaml (OpenAPI
 * 3). */
#ifndef GNOMON_FRONTEND_HTTP_FILES_H
#define GNOMON_FRONTEND_HTTP_FILES_H

#include "frontend/http/web.h"

/* Answer when the request is for one of them; false: it is not. */
bool http_files_answer(struct web_request *request);

#endif
