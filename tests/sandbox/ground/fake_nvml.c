/* A stand-in for libnvidia-ml.so.1 with the signatures of NVML's documentation: one whole card, one card with two MIG slices,
   and one that this process may not use. */
#include <stdio.h>
#include <string.h>

typedef struct { unsigned long long total, free, used; } nvmlMemory_t;
typedef struct { const char *uuid, *name; unsigned minor, mig, gi, ci; unsigned long long used; } *nvmlDevice_t;

static struct { const char *uuid, *name; unsigned minor, mig, gi, ci; unsigned long long used; } devices[] = {
    {"GPU-5c89852c-d268-c3f3-1b07-005d5ae1dc3f", "NVIDIA H100 80GB HBM3", 0, 0, 0, 0, 1000},
    {"GPU-4404041a-04cf-1ccf-9e70-f139a9b1e23c", "NVIDIA A100-SXM4-40GB", 2, 1, 0, 0, 2000},
    {"MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f", "NVIDIA A100-SXM4-40GB MIG 3g.20gb", 2, 0, 1, 0, 300},
    {"MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb", "NVIDIA A100-SXM4-40GB MIG 3g.20gb", 2, 0, 2, 0, 400},
};

int nvmlInit_v2(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 3; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device) {
    if (index > 1) return 4; /* NVML_ERROR_NO_PERMISSION */
    *device = (nvmlDevice_t)&devices[index];
    return 0;
}
int nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device) {
    for (unsigned i = 0; i < 4; i++)
        if (!strcmp(uuid, devices[i].uuid)) { *device = (nvmlDevice_t)&devices[i]; return 0; }
    return 6; /* NVML_ERROR_NOT_FOUND */
}
int nvmlDeviceGetUUID(nvmlDevice_t device, char *text, unsigned length) { snprintf(text, length, "%s", device->uuid); return 0; }
int nvmlDeviceGetName(nvmlDevice_t device, char *text, unsigned length) { snprintf(text, length, "%s", device->name); return 0; }
int nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned *minor) { *minor = device->minor; return 0; }
int nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *current, unsigned *pending) {
    *current = *pending = device->mig;
    return 0;
}
int nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned *count) { *count = device->mig ? 7 : 0; return 0; }
int nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t card, unsigned index, nvmlDevice_t *device) {
    if (!card->mig || index > 1) return 6;
    *device = (nvmlDevice_t)&devices[2 + index];
    return 0;
}
int nvmlDeviceGetGpuInstanceId(nvmlDevice_t device, unsigned *id) { *id = device->gi; return 0; }
int nvmlDeviceGetComputeInstanceId(nvmlDevice_t device, unsigned *id) { *id = device->ci; return 0; }
typedef struct { unsigned gpu, memory; } nvmlUtilization_t;
/* A slice has no load of its own. */
int nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *load) {
    if (device->gi) return 3;
    load->gpu = 87;
    load->memory = 12;
    return 0;
}
int nvmlDeviceGetTemperature(nvmlDevice_t device, int sensor, unsigned *celsius) {
    if (device->gi || sensor != 0) return 3;
    *celsius = 64;
    return 0;
}
int nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory) {
    memory->total = 1 << 20;
    memory->used = device->used;
    memory->free = memory->total - memory->used;
    return 0;
}
