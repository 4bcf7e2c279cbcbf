/* For wine in tests only: functions of complex numbers that its ucrtbase.dll lacks and Windows 10 has.
   Microsoft passes a complex number as a structure of two numbers. */

typedef struct { float re, im; } single;
typedef struct { double re, im; } twin;

double hypot(double, double);
double atan2(double, double);
double exp(double);
double log(double);
double cos(double);
double sin(double);

int DllMainCRTStartup(void) { return 1; }
int _fltused = 0;

static twin polar(double size, double angle) { return (twin){size * cos(angle), size * sin(angle)}; }
static single narrow(twin z) { return (single){z.re, z.im}; }
static twin wide(single z) { return (twin){z.re, z.im}; }

double shim_creal(twin z) { return z.re; }
double shim_cimag(twin z) { return z.im; }
double shim_cabs(twin z) { return hypot(z.re, z.im); }
double shim_carg(twin z) { return atan2(z.im, z.re); }
twin shim_conj(twin z) { return (twin){z.re, -z.im}; }
twin shim_cexp(twin z) { return polar(exp(z.re), z.im); }
twin shim_clog(twin z) { return (twin){log(shim_cabs(z)), shim_carg(z)}; }
twin shim_cpow(twin a, twin b)
{
    twin l = shim_clog(a);
    return shim_cexp((twin){b.re * l.re - b.im * l.im, b.re * l.im + b.im * l.re});
}
twin shim_csqrt(twin z) { return shim_cpow(z, (twin){0.5, 0}); }

float shim_crealf(single z) { return z.re; }
float shim_cimagf(single z) { return z.im; }
float shim_cabsf(single z) { return shim_cabs(wide(z)); }
float shim_cargf(single z) { return shim_carg(wide(z)); }
single shim_conjf(single z) { return (single){z.re, -z.im}; }
single shim_cexpf(single z) { return narrow(shim_cexp(wide(z))); }
single shim_clogf(single z) { return narrow(shim_clog(wide(z))); }
single shim_cpowf(single a, single b) { return narrow(shim_cpow(wide(a), wide(b))); }
single shim_csqrtf(single z) { return narrow(shim_csqrt(wide(z))); }
