/* descset.c - embeds the file that the build passes as API_DESC (mk/embed.mk). */
#include "common/proto/descset.h"

__asm__(".pushsection .rodata\n"
        ".global gnomon_api_desc, gnomon_api_desc_end\n"
        "gnomon_api_desc:\n"
        ".incbin \"" API_DESC "\"\n"
        "gnomon_api_desc_end:\n"
        ".byte 0\n"
        ".popsection\n");

extern const uint8_t gnomon_api_desc[], gnomon_api_desc_end[];

struct slice proto_descriptor_set(void)
{
    return slice_of(gnomon_api_desc, (size_t)(gnomon_api_desc_end - gnomon_api_desc));
}
