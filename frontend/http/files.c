/* files.c - see files.h: embeds what scripts/gen_openapi.py makes of the schema. */
#include "frontend/http/files.h"

__asm__(
    ".pushsection .rodata\n"
    ".global gnomon_openapi_v2, gnomon_openapi_v2_end, gnomon_openapi_v3, gnomon_openapi_v3_end\n"
    "gnomon_openapi_v2:\n"
    ".incbin \"" OPENAPI_V2 "\"\n"
    "gnomon_openapi_v2_end:\n"
    ".byte 0\n"
    "gnomon_openapi_v3:\n"
    ".incbin \"" OPENAPI_V3 "\"\n"
    "gnomon_openapi_v3_end:\n"
    ".byte 0\n"
    ".popsection\n");

extern const uint8_t gnomon_openapi_v2[], gnomon_openapi_v2_end[];
extern const uint8_t gnomon_openapi_v3[], gnomon_openapi_v3_end[];

bool http_files_answer(struct web_request *request)
{
    const bool v2 = slice_starts_with(request->path, SLICE_LIT("/swagger.json"));
    const bool v3 = slice_starts_with(request->path, SLICE_LIT("/openapi.yaml"));

    if ((!v2 && !v3) || strcmp(request->method, "GET") != 0)
        return false;
    if (v2)
        web_answer_static(
            request, 200, "application/vnd.oai.openapi+json;version=2.0",
            slice_of(gnomon_openapi_v2, (size_t)(gnomon_openapi_v2_end - gnomon_openapi_v2)));
    else
        web_answer_static(
            request, 200, "application/vnd.oai.openapi;version=3.0",
            slice_of(gnomon_openapi_v3, (size_t)(gnomon_openapi_v3_end - gnomon_openapi_v3)));
    return true;
}
