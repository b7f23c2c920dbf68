/* credentials_profile.h: what the chosen profile of the shared files, and the instance, say besides
 * credentials: Region and endpoints. */
#ifndef TOLLGATE_AWS_CREDENTIALS_PROFILE_H
#define TOLLGATE_AWS_CREDENTIALS_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

/* Region of the profile; false: it names none. from gets "profile NAME". */
bool credentials_profile_region(char *region, size_t size, char *from, size_t from_size);
/* endpoint_url of a service ("bedrock_runtime") in the profile's `services` section, else of the
 * profile itself; false: neither, or the profile has ignore_configured_endpoint_urls. */
bool credentials_profile_endpoint(const char *service, char *url, size_t size, char *from,
                                  size_t from_size);
/* Region of this EC2 instance, by IMDSv2; blocks for at most some seconds. False: no answer, or
 * AWS_EC2_METADATA_DISABLED. */
bool credentials_instance_region(char *region, size_t size);

#endif
