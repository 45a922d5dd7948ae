// docs/admin-openapi.json as it was when the program was built (tools/embed_file.py).
#pragma once

#include <string_view>

namespace sluice::server {

std::string_view admin_openapi();

}  // namespace sluice::server
