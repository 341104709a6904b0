/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_TOKEN_KEYS_H
#define TESTS_FUZZ_TOKEN_KEYS_H

/*
 * Public keys whose private halves were thrown away, and one good token of each. So the fuzzer holds no key and could only find a forgery. Their claims:
 * {"iss":"https://a.example","aud":"api","sub":"u","exp":1700003600}
 */

static const char fuzz_token_keys[] =
    "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"n1UukHjdiOmOAlWDf7VjzMQAEa4humZ1eyAyYT_uczG0XpT6I-Afzpg_x5NDw6FT0Z3uYD2ZeD"
    "F4nijzQy4wMB9oTnVrrApHWIoUJGxixH6WMnjBoD6hih2vAWDHAbIWEQ_GEIuIoihW1p7nZWi6fiJ5uDKbybWbqxmr7NyU5gDHdP9dsza_LDHd"
    "6dyV3xaHbRLxCJtM68l1rl4iSXmLA4MeuceWY1yQdpmLgg1FGZ9qpYx-lyAMDa5uva0XwTJPPb0fg_SluJPl3pa0eoRYXiac8k-rbrnGNVHHr8"
    "gpa_CehJtMcVYR4VQ9pmCdsxqcZAqhAsAhdwBx1Syx0vaFow\",\"e\":\"AQAB\",\"kid\":\"a\",\"alg\":\"RS256\",\"use\":\"si"
    "g\"},{\"kty\":\"RSA\",\"n\":\"uYROMeilRcMdk0_psqDRglLmYSl9lBBcvxdKIoWxiLWibkvj8idQi42QY_8Vj5Z865VNeoGbE21GzrY3"
    "VOCTwQMmCbyjxHf8iRPbeHqoiRFHbVmZDYu7gWjYO1PALlWO40yBQD177qg2AHRS1-u_dUKoyOKukqsGCiHlKZbC66eMwiL-VNRyBmvO80bLvR"
    "ttuXkTzHOC-7-H00Tj0i8UaKCUmW7HIjPvF4KEq-d5o9sNVo1O6L772UjOawE7YCqRpp0nRTH_IkHI8tAb1kDEP6BRb_DJzTiHGIs7nnpzlLqO"
    "M2HSAY2v8AQ3XBZuWU2WstYXC4kjNwo6vy2b139aKw\",\"e\":\"AQAB\",\"kid\":\"b\",\"alg\":\"PS384\",\"use\":\"sig\"},{"
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"Qh6kGpmbOxq3djLzfqaQ_p0xomB73ycWq69lstu1s5E\",\"y\":\"8kCZJ9-uDuF2_yV"
    "gSp-kjNdy3QJluznkQlQN903z4Pc\",\"kid\":\"c\",\"alg\":\"ES256\",\"use\":\"sig\"},{\"kty\":\"EC\",\"crv\":\"P-52"
    "1\",\"x\":\"AHA4HfHgIQzeJaKwaLCcel-eSK-vWevwNS9BeStXY9r3FEXo0Mb1wm4ejJp9oZGwDmr9zcixb4FZIPgrtcD04Jbb\",\"y\":"
    "\"Ae3DAUzV_4tOqrWy6q0DG4a8VxKK_vhNQTovwJe5-r1M6fvCjfPMJYvnFVErsM_00-7nJZ38zqNY-bff485uX_7n\",\"kid\":\"d\",\"a"
    "lg\":\"ES512\",\"use\":\"sig\"},{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"bSfBGFB9wE-D4Kh1AywL243Mbca7Ew5SZ"
    "tF-v2G5ZdI\",\"kid\":\"e\",\"alg\":\"EdDSA\",\"use\":\"sig\"},{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"xoXMA"
    "2-G4WZad-XsNCDHN_UpdKR-cYdXNCGCZASWePCvoGUx1MCzcFrZtxubqO4sWiEYC2PtlSYA\",\"kid\":\"f\",\"alg\":\"Ed448\",\"us"
    "e\":\"sig\"}]}";

static const char *const fuzz_token_good[] = {
    "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJodHRwczovL2EuZXhhbXBsZSIsImF1ZCI6ImFwaSIsInN1YiI"
    "6InUiLCJleHAiOjE3MDAwMDM2MDB9.BoeqCjLwO_63Qxxkb8sVMStxI5BluGw5WlcIO8HSUx7CU7Mi1k0mtWNKusob_3IWZxg2i3dqayNfyOnv"
    "8QNB0N7ogymMxIlmDvXONdlst560UOXNoHALB70V3iWZQOB-UZieLRmskkH2mvmQ6x_3nVTyAHSszFOAPHRkVpRHHI0ZK_7FNsPyY9XCdhMqZC"
    "uj1xwtf48mMtEX1K5ZHgLrhSyhqhgcsFkv8ufa5L-DKAEWoC-FBwlahyISHeSS7e_3HLXrdP_P8i6xS7l2vNlPNA2W4RYCnxlqcnn776JaLZc3"
    "FwJeQLJNG13RcRD6jssBOUUyQXoS6uDQjsg6UL5zHQ", /* RS256 */
    "eyJhbGciOiJQUzM4NCIsImtpZCI6ImIiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJodHRwczovL2EuZXhhbXBsZSIsImF1ZCI6ImFwaSIsInN1YiI"
    "6InUiLCJleHAiOjE3MDAwMDM2MDB9.inpKuE0MxdlpJOB4Tp8Gib9Hh4kFQH1Wh0tW5N-WKG0XPX3zLRSqTBGPCsh08gJVVFs91tj70FkWSK0l"
    "wokTvYUZYLAN2m1XENA1_0OKsu3TIrsFiKYBo4wDUeEHXIwv2fqPOtS-VKXBgQCMUISzCm-yRmc4yFluzTS0aHwimbIhRiDXDDdDOHddRQwCbX"
    "d7Tx38TQ3M_QPfeGwwPqZ3KFQ2UVIVwNUvbMdAhFz9skZsckRZ0N65poKkf1hCkrEc8z4SDXTNJ0O74TEmvoxY5WjYmaZRNJY6IdUF3gV0FanT"
    "hlQ44MJAzUXiU5BLQgZMQuGjW7KCl1f5zVGDlU9pRw", /* PS384 */
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImMiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJodHRwczovL2EuZXhhbXBsZSIsImF1ZCI6ImFwaSIsInN1YiI"
    "6InUiLCJleHAiOjE3MDAwMDM2MDB9.gP0a0va6-brv2rPjOVFU3JVPApms4UPo9kctzZr04Jd0dCJbiTIpOKu9xNl3yd90RlYr7O-k-sRakznN"
    "qvdzyQ", /* ES256 */
    "eyJhbGciOiJFUzUxMiIsImtpZCI6ImQiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJodHRwczovL2EuZXhhbXBsZSIsImF1ZCI6ImFwaSIsInN1YiI"
    "6InUiLCJleHAiOjE3MDAwMDM2MDB9.AaBJ_ncv-o2ydALNiYow9skaAKSK0F2iO3Fbfaqda36mNXn3PPPaLBYkGMvU7PMD2k4jCZxo5WDbtdA-"
    "HHCpVZcPAF7Zuy4yJsfv2ikwzzeiZ3L1xd88g6t4-G71nKCvqYigKRQFoRC_54IKH7nixrUROb1gYbz5F72Q4jPeMEwoL2yD", /* ES512 */
    "eyJhbGciOiJFZERTQSIsImtpZCI6ImUiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJodHRwczovL2EuZXhhbXBsZSIsImF1ZCI6ImFwaSIsInN1YiI"
    "6InUiLCJleHAiOjE3MDAwMDM2MDB9.u0oRXnFPkhuRM0X8NP3lmjSdpjsa_3rdHTWw0I-HRNxxa0dbraVPqvyN14oZJSYCpMjVKIl8ird8lnDk"
    "5VTkAA", /* EdDSA */
    "eyJhbGciOiJFZDQ0OCIsImtpZCI6ImYiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJodHRwczovL2EuZXhhbXBsZSIsImF1ZCI6ImFwaSIsInN1YiI"
    "6InUiLCJleHAiOjE3MDAwMDM2MDB9.nlLZ3yQiYJqSoovwc2q8zZyBwS7BFIFdTm09IxxYgSz8ZIQqe6AFxcf1EvYZvIoPxxvnHCRLjXSAAJJO"
    "h3ZS583A5I2FPnCBXnYTUgaAv-dFg0A2N3mKmTEYXTINjWnb35ZLgzN4biEjrxJENiCKIDkA", /* Ed448 */
};

#endif
